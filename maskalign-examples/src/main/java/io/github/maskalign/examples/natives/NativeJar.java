package io.github.maskalign.examples.natives;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * libtorch on the class path, as DJL packs it, with the library that connects it to Java.
 *
 * @param version of PyTorch, with the day of the build
 * @param flavour {@code cpu}, or {@code cu121} for CUDA 12.1
 * @param platform such as {@code linux-x86_64}
 * @param files the libraries; the one by which DJL recognises a complete folder comes last
 */
record NativeJar(String version, String flavour, String platform, List<NativeFile> files) {
    NativeJar {
        files = List.copyOf(files);
    }

    /** Finds it; empty if there is none, or more than one, for this system: DJL and the doctor then say what is wrong. */
    static Optional<NativeJar> find(ClassLoader loader) throws IOException {
        List<Properties> fitting = new ArrayList<>();
        for (URL url : Collections.list(loader.getResources("native/lib/pytorch.properties"))) {
            Properties found = read(url);
            if (!found.containsKey("placeholder")
                    && thisPlatform().equals(found.getProperty("classifier"))
                    && found.containsKey("version")
                    && found.containsKey("flavor")
                    && found.containsKey("libraries")) {
                fitting.add(found);
            }
        }
        return fitting.size() == 1 ? of(loader, fitting.get(0)) : Optional.empty();
    }

    /** Tells whether the libraries are linked against CUDA. */
    boolean isCuda() {
        return flavour.startsWith("cu");
    }

    /** The name of the folder that DJL unpacks them into. */
    String folderName() {
        return version + "-" + flavour + "-" + platform;
    }

    long byteSize() {
        return files.stream().mapToLong(NativeFile::size).sum();
    }

    private static Optional<NativeJar> of(ClassLoader loader, Properties jar) throws IOException {
        String flavour = jar.getProperty("flavor");
        String platform = jar.getProperty("classifier");
        String marker = System.mapLibraryName("torch");
        List<NativeFile> files = new ArrayList<>();
        jni(loader, jar.getProperty("version"), flavour, platform).ifPresent(files::add);
        for (String name : jar.getProperty("libraries").split(",")) {
            Optional<NativeFile> file =
                    NativeFile.find(loader, "pytorch/" + flavour + "/" + platform + "/" + name, name);
            if (file.isEmpty()) {
                return Optional.empty();
            }
            files.add(file.get());
        }
        files.sort((a, b) -> Boolean.compare(a.name().equals(marker), b.name().equals(marker)));
        return Optional.of(new NativeJar(jar.getProperty("version"), flavour, platform, files));
    }

    /** The library between Java and libtorch, under the name by which DJL finds it; absent if it does not fit. */
    private static Optional<NativeFile> jni(ClassLoader loader, String version, String flavour, String platform)
            throws IOException {
        String djl = property(loader, "pytorch-engine.properties", "djl_version");
        String jni = property(loader, "jnilib/pytorch.properties", "jni_version");
        String pytorch = version.split("-")[0];
        if (djl == null || jni == null || !jni.startsWith(pytorch + "-" + djl)) {
            return Optional.empty();
        }
        String library = System.mapLibraryName("djl_torch");
        return NativeFile.find(loader, "jnilib/" + platform + "/" + flavour + "/" + library, djl + "-" + library);
    }

    private static @Nullable String property(ClassLoader loader, String resource, String key) throws IOException {
        URL url = loader.getResource(resource);
        return url == null ? null : read(url).getProperty(key);
    }

    private static Properties read(URL url) throws IOException {
        Properties properties = new Properties();
        try (InputStream in = url.openStream()) {
            properties.load(in);
        }
        return properties;
    }

    private static String thisPlatform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch");
        String prefix = system.startsWith("win") ? "win" : system.startsWith("mac") ? "osx" : "linux";
        return prefix + "-" + (arch.equals("amd64") ? "x86_64" : arch);
    }
}
