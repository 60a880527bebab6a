package io.github.maskalign.core.script;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
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
}
