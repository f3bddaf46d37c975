; Copyright (c) 2026, the datomic_onprem.aws maintainers
; GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
; SPDX-License-Identifier: GPL-3.0-or-later

; For each URI: whether Datomic can list the databases of that storage. One line each: opened NAMES, or refused WHY.
(require '[datomic.api :as d])
(doseq [uri *command-line-args*]
  (println
    (try
      (str "opened " (pr-str (d/get-database-names uri)))
      (catch Throwable e
        (str "refused " (first (clojure.string/split-lines (str (.getMessage e)))))))))
(flush)
(System/exit 0)
