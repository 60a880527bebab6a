package io.github.maskalign.core.script;

import io.github.maskalign.core.script.ScriptFunction.ScriptParameter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * TorchScript functions read from a resource file and from the files it imports.
 *
 * <p>A line {@code from block import linear} takes in {@code block.py} from the same package, or from
 * {@code core.nn} or this package if it is not there. Calls between functions are qualified the way an archive needs it, so
 * the files themselves stay plain Python.
 */
final class ScriptSource {
    private static final Pattern IMPORT = Pattern.compile("(?m)^from\\s+(\\w+)\\s+import\\s+.*$");
    /** Headers for the reader and for a Python type checker; the archive's parser does not know them. */
    private static final Pattern PYTHON_ONLY = Pattern.compile("(?m)^(import|from\\s+(typing|torch))\\b.*$");

    /** Where a file is looked for: beside the caller, then among the shared functions. */
    private static final List<String> FOLDERS =
            List.of("", "/io/github/maskalign/core/nn/", "/io/github/maskalign/core/script/");

    private final Map<String, String> files = new LinkedHashMap<>();
    private final Map<String, ScriptSignature> signatures = new LinkedHashMap<>();

    private ScriptSource() {}

    /** Reads {@code resource} from the package of {@code anchor}, and all it imports. */
    static ScriptSource read(Class<?> anchor, String resource) {
        ScriptSource source = new ScriptSource();
        source.add(anchor, resource);
        return source;
    }

    /** Puts several sources together, each function once. */
    static ScriptSource merge(Iterable<ScriptSource> sources) {
        ScriptSource all = new ScriptSource();
        for (ScriptSource source : sources) {
            source.files.forEach((name, text) -> {
                String known = all.files.putIfAbsent(name, text);
                if (known != null && !known.equals(text)) {
                    throw new IllegalStateException("two different script files are named " + name);
                }
            });
            all.signatures.putAll(source.signatures);
        }
        return all;
    }

    ScriptSignature signature(String function) {
        ScriptSignature signature = signatures.get(function);
        if (signature == null) {
            throw new IllegalArgumentException("no script function " + function + " in " + files.keySet()
                    + ", which define " + signatures.keySet());
        }
        return signature;
    }

    /** Returns the code of all functions with calls qualified by {@code __torch__}. */
    String code() {
        String names = String.join("|", signatures.keySet());
        Pattern call = Pattern.compile("(?<![\\w.]|def )(" + names + ")\\(");
        StringBuilder out = new StringBuilder();
        for (String text : files.values()) {
            out.append(call.matcher(text).replaceAll("__torch__.$1(")).append('\n');
        }
        return out.toString();
    }

    private void add(Class<?> anchor, String resource) {
        if (files.containsKey(resource)) {
            return;
        }
        String text = text(anchor, resource);
        files.put(resource, "");
        String body = PYTHON_ONLY.matcher(text).replaceAll("");
        Matcher imports = IMPORT.matcher(body);
        while (imports.find()) {
            add(anchor, imports.group(1) + ".py");
        }
        body = IMPORT.matcher(body).replaceAll("");
        files.put(resource, body);
        for (ScriptSignature signature : ScriptSignature.parse(body)) {
            if (signatures.put(signature.name(), signature) != null) {
                throw new IllegalArgumentException(
                        "script function " + signature.name() + " is defined twice, again in " + resource);
            }
        }
    }

    private static String text(Class<?> anchor, String resource) {
        for (String folder : FOLDERS) {
            try (InputStream in = anchor.getResourceAsStream(folder + resource)) {
                if (in != null) {
                    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("script file " + resource + " cannot be read", e);
            }
        }
        throw new IllegalArgumentException("script file " + resource + " is neither beside " + anchor.getName()
                + " nor in core.nn or core.script");
    }

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
                        m.group(1),
                        parameters(m.group(1), m.group(2)),
                        m.group(3).trim()));
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
                            one.substring(0, colon).trim(),
                            one.substring(colon + 1).trim()));
                }
            }
            return out;
        }
    }
}
