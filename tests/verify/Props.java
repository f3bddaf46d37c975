// Copyright (c) 2026, the datomic_onprem.aws maintainers
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.*;
import java.util.*;

/**
 * What java.util.Properties reads. Standard input: for each file its length (4 bytes) and its bytes. Standard output: for
 * each file the text read as UTF-8 and then as Latin-1, each as a status byte (0 read, 1 refused), a count (4 bytes), and
 * that many keys and values, each as its length (4 bytes) and UTF-16BE (a Java string need not be valid Unicode).
 */
public class Props {
    public static void main(String[] arguments) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException end) {
                break;
            }
            byte[] bytes = in.readNBytes(length);
            utf8(bytes, out);
            latin1(bytes, out);
        }
        out.flush();
    }

    private static void utf8(byte[] bytes, DataOutputStream out) throws IOException {
        Properties read = new Properties();
        try {
            CharsetDecoder strict = StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT);
            read.load(new StringReader(strict.decode(ByteBuffer.wrap(bytes)).toString()));
        } catch (CharacterCodingException | IllegalArgumentException refused) {
            read = null;
        }
        write(read, out);
    }

    private static void latin1(byte[] bytes, DataOutputStream out) throws IOException {
        Properties read = new Properties();
        try {
            read.load(new ByteArrayInputStream(bytes));
        } catch (IllegalArgumentException refused) {
            read = null;
        }
        write(read, out);
    }

    private static void write(Properties read, DataOutputStream out) throws IOException {
        out.writeByte(read == null ? 1 : 0);
        out.writeInt(read == null ? 0 : read.size());
        if (read == null) {
            return;
        }
        for (String key : read.stringPropertyNames()) {
            text(key, out);
            text(read.getProperty(key), out);
        }
    }

    private static void text(String text, DataOutputStream out) throws IOException {
        byte[] bytes = new byte[2 * text.length()];
        ByteBuffer.wrap(bytes).asCharBuffer().put(text);
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
