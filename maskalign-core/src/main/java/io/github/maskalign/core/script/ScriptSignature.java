package io.github.maskalign.core.script;

import io.github.maskalign.core.script.ScriptFunction.ScriptParameter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Name, parameters and result type of one TorchScript function, as written in its {@code def} line.
 *
 * @param name function name
 * @param parameters parameters in order
 * @param result result type in TorchScript's spelling, such as {@code Tuple[Tensor, Tensor]}
 */
record ScriptSignature(String name, List<ScriptParameter> parameters, String result) {
    /** Type of a weight that a function may be without. */
    static final String OPTIONAL = "Optional[Tensor]";

    private static final Pattern DEF =
            Pattern.compile("^def\\s+(\\w+)\\s*\\((.*?)\\)\\s*->\\s*([^:]+):", Pattern.MULTILINE | Pattern.DOTALL);

    ScriptSignature {
        parameters = List.copyOf(parameters);
    }

    /** Finds all top-level functions of a source file. */
    static List<ScriptSignature> parse(String source) {
        List<ScriptSignature> out = new ArrayList<>();
        Matcher m = DEF.matcher(source);
        while (m.find()) {
            out.add(new ScriptSignature(
                    m.group(1), parameters(m.group(1), m.group(2)), m.group(3).trim()));
        }
        return out;
    }

    private static List<ScriptParameter> parameters(String function, String list) {
        List<ScriptParameter> out = new ArrayList<>();
        int depth = 0;
        int start = 0;
        String text = list.replaceAll("#[^\n]*", "") + ",";
        for (int i = 0; i < text.length(); i++) {
            char ch = text.charAt(i);
            if (ch == '[') {
                depth++;
            } else if (ch == ']') {
                depth--;
            } else if (ch == ',' && depth == 0) {
                String one = text.substring(start, i).trim();
                start = i + 1;
                if (one.isEmpty()) {
                    continue;
                }
                int colon = one.indexOf(':');
                if (colon < 0) {
                    throw new IllegalArgumentException(
                            "parameter '" + one + "' of script function " + function + " has no type");
                }
                out.add(new ScriptParameter(
                        one.substring(0, colon).trim(), one.substring(colon + 1).trim()));
            }
        }
        return out;
    }
}
