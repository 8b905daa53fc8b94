package clipper;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** What a container is started with. */
record Options(Path bundle, String listen, String model, String version, String token, double orphanGraceS) {
    /** Throws IllegalArgumentException naming what is missing or wrong. */
    static Options parse(String[] arguments, String token) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].startsWith("--")) {
                if (i + 1 == arguments.length) {
                    throw new IllegalArgumentException("A value is missing after " + arguments[i]);
                }
                given.put(arguments[i], arguments[++i]);
            }
        }
        if (token == null || token.length() != 64) {
            throw new IllegalArgumentException("CLIPPER_CONTAINER_TOKEN must hold 64 hexadecimal digits");
        }
        for (String name : new String[] {"--bundle", "--listen", "--model", "--version"}) {
            if (!given.containsKey(name)) {
                throw new IllegalArgumentException(name + " is missing; --bundle DIR --listen ADDRESS --model NAME"
                    + " --version V are required");
            }
        }
        double graceS = Double.parseDouble(given.getOrDefault("--orphan-grace-s", "10"));
        return new Options(Path.of(given.get("--bundle")), given.get("--listen"), given.get("--model"),
            given.get("--version"), token, graceS);
    }
}
