package io.github.maskalign.examples.doctor;

import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;

/**
 * The versions that DJL's jars state about themselves, read without loading any of their classes. Each list
 * has one element on a sound class path.
 *
 * @param api versions of {@code ai.djl:api}
 * @param engine versions of {@code pytorch-engine}
 * @param pytorch PyTorch versions that the engine was made for
 * @param jni versions of {@code pytorch-jni}, as {@code <PyTorch>-<DJL>}
 * @param natives the bundled libtorch libraries, as {@code <PyTorch> <flavour> <platform>}
 * @param tokenizers versions of {@code tokenizers}, as {@code <Rust library>-<DJL>}
 */
record DjlVersions(
        List<String> api,
        List<String> engine,
        List<String> pytorch,
        List<String> jni,
        List<String> natives,
        List<String> tokenizers) {

    static DjlVersions read(ClassLoader loader) {
        return new DjlVersions(
                values(loader, "ai/djl/engine/api.properties", "djl_version"),
                values(loader, "pytorch-engine.properties", "djl_version"),
                values(loader, "pytorch-engine.properties", "pytorch_version"),
                values(loader, "jnilib/pytorch.properties", "jni_version"),
                values(loader, "native/lib/pytorch.properties", "version", "flavor", "classifier"),
                values(loader, "native/lib/tokenizers.properties", "version"));
    }

    Section section() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("djl api", text(api));
        facts.put("pytorch-engine", text(engine) + " for PyTorch " + text(pytorch));
        facts.put("pytorch-jni", text(jni));
        facts.put("pytorch natives", text(natives));
        facts.put("tokenizers", text(tokenizers));
        return new Section("libraries", facts);
    }

    /** Checks them, and what the engine would load of libtorch; loads a class of DJL. */
    List<Check> checks(LibtorchPlace place) {
        return List.of(oneVersion(), jniFits(), place.check(natives, pytorch));
    }

    private Check oneVersion() {
        TreeSet<String> all = new TreeSet<>(api);
        all.addAll(engine);
        tokenizers.forEach(version -> all.add(afterDash(version)));
        jni.forEach(version -> all.add(afterDash(version)));
        return all.size() == 1
                ? Check.ok("one DJL version", all.first())
                : Check.failed(
                        "one DJL version",
                        "found " + all,
                        "delete maskalign-examples/target/lib and let the start script build it again");
    }

    private Check jniFits() {
        String wanted = text(pytorch) + "-" + text(engine);
        return jni.equals(List.of(wanted))
                ? Check.ok("JNI library fits", wanted)
                : Check.failed(
                        "JNI library fits",
                        "found " + text(jni) + " but the engine needs " + wanted,
                        "depend on ai.djl.pytorch:pytorch-jni:" + wanted + "; without it DJL tries to download one");
    }

    static String text(List<String> versions) {
        return versions.isEmpty() ? "missing" : String.join(" and ", versions);
    }

    private static String afterDash(String version) {
        return version.substring(version.lastIndexOf('-') + 1);
    }

    private static List<String> values(ClassLoader loader, String resource, String... keys) {
        List<String> found = new ArrayList<>();
        try {
            for (URL url : Collections.list(loader.getResources(resource))) {
                Properties properties = new Properties();
                try (InputStream in = url.openStream()) {
                    properties.load(in);
                }
                List<String> values = new ArrayList<>();
                for (String key : keys) {
                    values.add(properties.getProperty(key, "?"));
                }
                found.add(String.join(" ", values));
            }
        } catch (IOException e) {
            found.add("unreadable: " + e.getMessage());
        }
        return List.copyOf(found);
    }
}
