package io.github.maskalign.examples;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The versions that tell one installation from another, read from the jars without loading the engine. */
final class Version implements IVersionProvider {
    /** Made by the build; missing when the classes are run without a jar. */
    private static final String POM = "/META-INF/maven/io.github.maskalign/maskalign-examples/pom.properties";

    @Override
    public String[] getVersion() {
        return new String[] {
            "maskalign " + ours(),
            "DJL " + read("/ai/djl/engine/api.properties", "djl_version") + ", Java "
                    + System.getProperty("java.version")
        };
    }

    /** Returns the version of MaskAlign, or {@code development} if it does not run from a jar. */
    static String ours() {
        return read(POM, "version");
    }

    private static String read(String resource, String key) {
        Properties properties = new Properties();
        try (InputStream in = Version.class.getResourceAsStream(resource)) {
            if (in != null) {
                properties.load(in);
            }
        } catch (IOException e) {
            return "unreadable: " + e.getMessage();
        }
        return properties.getProperty(key, "development");
    }
}
