package io.github.maskalign.examples.natives;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Jars that are made as DJL's are, with libraries of a few bytes. */
public final class NativeJars {
    static final String VERSION = "2.3.1-20240621";
    private static final String PLATFORM = "linux-x86_64";

    private NativeJars() {}

    /** Opens a class path of one jar that has these libraries and a fitting JNI library. */
    static NativeJar open(Path folder, String flavour, Map<String, String> libraries) throws IOException {
        return NativeJar.find(loader(write(folder.resolve("natives.jar"), flavour, libraries)))
                .orElseThrow();
    }

    static ClassLoader loader(Path... jars) throws IOException {
        URL[] urls = new URL[jars.length];
        for (int i = 0; i < jars.length; i++) {
            urls[i] = jars[i].toUri().toURL();
        }
        return new URLClassLoader(urls, null);
    }

    /** Writes such a jar; nothing in it can be loaded. */
    public static Path write(Path jar, String flavour, Map<String, String> libraries) throws IOException {
        Map<String, String> entries = new LinkedHashMap<>();
        entries.put(
                "native/lib/pytorch.properties",
                "version=" + VERSION + "\nflavor=" + flavour + "\nclassifier=" + PLATFORM + "\nlibraries="
                        + String.join(",", libraries.keySet()) + "\n");
        libraries.forEach((name, text) -> entries.put("pytorch/" + flavour + "/" + PLATFORM + "/" + name, text));
        entries.put("pytorch-engine.properties", "djl_version=0.29.0\npytorch_version=2.3.1\n");
        entries.put("jnilib/pytorch.properties", "jni_version=2.3.1-0.29.0\n");
        entries.put("jnilib/" + PLATFORM + "/" + flavour + "/libdjl_torch.so", "between Java and libtorch");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (Map.Entry<String, String> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
        return jar;
    }
}
