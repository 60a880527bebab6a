package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.io.File;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.DocumentationTool;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The reference of the libraries is made without a warning, and leads to DJL's without asking the network. */
class JavadocTest {
    private static final Path ROOT = Path.of("..");
    private static final Path DJL = ROOT.resolve("scripts/javadoc/djl");

    @TempDir
    Path folder;

    /** Of the version that this build is made with; a newer one may have more. */
    @Test
    void listOfDjlsPackagesIsThatOfItsJar() throws Exception {
        Path jar = Path.of(NDArray.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        TreeSet<String> packages;
        try (JarFile file = new JarFile(jar.toFile());
                Stream<String> entries = file.stream().map(entry -> entry.getName())) {
            packages = entries.filter(name -> name.endsWith(".class") && name.contains("/"))
                    .map(name -> name.substring(0, name.lastIndexOf('/')).replace('/', '.'))
                    .collect(Collectors.toCollection(TreeSet::new));
        }

        assertThat(packages).containsAll(Files.readAllLines(DJL.resolve("element-list")));
        assertThat(Files.readAllLines(DJL.resolve("element-list"))).contains("ai.djl.nn", "ai.djl.repository.zoo");
    }

    @Test
    @Tag("slow")
    void referenceHasNoWarningsAndLeadsToDjl() throws Exception {
        String sources = Stream.of("core", "encoders", "sit")
                .map(module -> ROOT.resolve("maskalign-" + module)
                        .resolve("src/main/java")
                        .toString())
                .collect(Collectors.joining(File.pathSeparator));
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        StringWriter said = new StringWriter();
        DocumentationTool tool = ToolProvider.getSystemDocumentationTool();
        try (StandardJavaFileManager files = tool.getStandardFileManager(null, null, null)) {
            boolean made = tool.getTask(
                            said,
                            files,
                            null,
                            null,
                            List.of(
                                    "-quiet",
                                    "-Xdoclint:html,syntax,reference",
                                    "-d",
                                    folder.toString(),
                                    "-cp",
                                    classPath,
                                    "-sourcepath",
                                    sources,
                                    "-subpackages",
                                    "io.github.maskalign",
                                    "-linkoffline",
                                    "https://javadoc.io/doc/ai.djl/api/0.29.0",
                                    DJL.toString()),
                            null)
                    .call();

            assertThat(said.toString()).isEmpty();
            assertThat(made).isTrue();
        }
        assertThat(folder.resolve("io/github/maskalign/sit/SiT.html"))
                .content()
                .contains("https://javadoc.io/doc/ai.djl/api/0.29.0/ai/djl/nn/AbstractBlock.html");
    }
}
