package clipper;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** As much JSON as a handshake needs: an object's own strings and whole numbers, and strings to write. */
public final class Json {
    private static final int MAX_DEPTH = 64;

    private final String text;
    private int at;
    private final Map<String, Object> fields = new HashMap<>();

    private Json(String text) {
        this.text = text;
    }

    /** The fields of an object: String, Long, or null for whatever else. Throws for what is no JSON object. */
    static Map<String, Object> object(ByteBuffer body) throws ProtocolException {
        Json json;
        try {
            json = new Json(StandardCharsets.UTF_8.newDecoder().decode(body).toString());
        } catch (CharacterCodingException error) {
            throw new ProtocolException("a handshake that is not UTF-8");
        }
        json.space();
        if (json.peek() != '{') {
            throw new ProtocolException("a handshake that is not a JSON object");
        }
        json.value(0);
        json.space();
        if (json.at != json.text.length()) {
            throw json.wrong();
        }
        return json.fields;
    }

    /** {@code text} as a JSON string. Half a surrogate pair becomes a question mark. */
    public static String quote(String text) {
        StringBuilder quoted = new StringBuilder(text.length() + 2).append('"');
        for (int i = 0; i < text.length(); i++) {
            char each = text.charAt(i);
            if (each == '"' || each == '\\') {
                quoted.append('\\').append(each);
            } else if (each < 0x20) {
                quoted.append(String.format("\\u%04x", (int) each));
            } else {
                quoted.append(each);
            }
        }
        return quoted.append('"').toString();
    }

    private ProtocolException wrong() {
        return new ProtocolException("a handshake that is not JSON");
    }

    private char peek() {
        return at < text.length() ? text.charAt(at) : '\0';
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private void expect(String word) throws ProtocolException {
        if (!text.startsWith(word, at)) {
            throw wrong();
        }
        at += word.length();
    }

    private Object value(int depth) throws ProtocolException {
        if (depth > MAX_DEPTH) {
            throw new ProtocolException("a handshake that is nested too deeply");
        }
        space();
        switch (peek()) {
            case '{':
                return sequence(depth, '{', '}');
            case '[':
                return sequence(depth, '[', ']');
            case '"':
                return string();
            case 't':
                expect("true");
                return null;
            case 'f':
                expect("false");
                return null;
            case 'n':
                expect("null");
                return null;
            default:
                return number();
        }
    }

    /** The members of an object or the elements of an array; those of the outermost object are kept. */
    private Object sequence(int depth, char opening, char closing) throws ProtocolException {
        expect(String.valueOf(opening));
        space();
        boolean more = peek() != closing;
        while (more) {
            space();
            String name = opening == '{' ? string() : null;
            if (name != null) {
                space();
                expect(":");
            }
            Object value = value(depth + 1);
            if (depth == 0) {
                fields.put(name, value);
            }
            space();
            more = peek() == ',';
            if (more) {
                at++;
            }
        }
        expect(String.valueOf(closing));
        return null;
    }

    private Object number() throws ProtocolException {
        int start = at;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String number = text.substring(start, at);
        if (!number.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][-+]?\\d+)?")) {
            throw wrong();
        }
        return number.matches("-?\\d{1,18}") ? (Object) Long.valueOf(number) : null;
    }

    private String string() throws ProtocolException {
        expect("\"");
        StringBuilder found = new StringBuilder();
        while (peek() != '"') {
            char each = peek();
            if (each < 0x20) {
                throw wrong();
            }
            at++;
            found.append(each == '\\' ? escaped() : each);
        }
        at++;
        return found.toString();
    }

    private char escaped() throws ProtocolException {
        int which = "\"\\/bfnrtu".indexOf(peek());
        if (at++ >= text.length() || which < 0) {
            throw wrong();
        }
        if (which < 8) {
            return "\"\\/\b\f\n\r\t".charAt(which);
        }
        if (at + 4 > text.length() || !text.substring(at, at + 4).matches("[0-9a-fA-F]{4}")) {
            throw wrong();
        }
        at += 4;
        return (char) Integer.parseInt(text.substring(at - 4, at), 16);
    }
}
