package io.github.maskalign.sit.run;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * What a project gets that depends on modules of this build: followed through the modules' POMs and those beside the jars
 * of the tests' class path, as Maven does. Scopes test, provided and system are not inherited, optional ones neither.
 */
final class DependencyTree {
    private static final Set<String> NOT_INHERITED = Set.of("test", "provided", "system");

    private final Map<String, Path> files = new LinkedHashMap<>();

    /** Follows the dependencies of modules, which are named by their artifacts. */
    static DependencyTree of(String... modules) throws Exception {
        Map<String, Path> available = available();
        DependencyTree tree = new DependencyTree();
        Deque<String> open = new ArrayDeque<>(List.of(modules));
        while (!open.isEmpty()) {
            String artifact = open.remove();
            Path file = available.get(artifact);
            if (file != null && tree.files.putIfAbsent(artifact, file) == null) {
                Path pom = pom(artifact, file);
                open.addAll(dependencies(pom));
                if (file.toAbsolutePath().getParent().endsWith("target")) { // a module has its parent's too
                    open.addAll(dependencies(pom.resolveSibling("..").resolve("pom.xml")));
                }
            }
        }
        return tree;
    }

    /** Returns the names of the artifacts, the modules among them. */
    Set<String> artifacts() {
        return files.keySet();
    }

    /** Returns their class path. */
    List<String> classPath() {
        return files.values().stream().map(Path::toString).toList();
    }

    /** Returns the class path of the tests by the names of the artifacts. */
    static Map<String, Path> available() {
        Map<String, Path> found = new HashMap<>();
        String path = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        for (String entry : path.split(File.pathSeparator)) {
            Path file = Path.of(entry);
            String name = artifact(file);
            if (name != null && !entry.endsWith("-tests.jar")) {
                found.putIfAbsent(name, file);
            }
        }
        return found;
    }

    /** Of .../maskalign-sit/target/classes, .../maskalign-sit/target/x.jar and .../gson/2.11.0/gson-2.11.0.jar. */
    private static @Nullable String artifact(Path file) {
        Path folder = file.getParent();
        if (folder == null || folder.getParent() == null || file.endsWith("test-classes")) {
            return null;
        }
        return String.valueOf(folder.getParent().getFileName());
    }

    private static Path pom(String artifact, Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder.endsWith("target")) {
            return folder.resolveSibling("pom.xml");
        }
        try (var entries = Files.list(folder)) {
            return entries.filter(entry -> entry.toString().endsWith(".pom"))
                    .findFirst()
                    .orElseThrow(() -> new IOException("no POM beside " + file + " of " + artifact));
        }
    }

    private static List<String> dependencies(Path pom) throws Exception {
        Element project = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(pom.toFile())
                .getDocumentElement();
        List<String> found = new ArrayList<>();
        for (Element list : children(project, "dependencies")) {
            for (Element dependency : children(list, "dependency")) {
                if (!NOT_INHERITED.contains(text(dependency, "scope"))
                        && !text(dependency, "optional").equals("true")) {
                    found.add(text(dependency, "artifactId"));
                }
            }
        }
        return found;
    }

    private static String text(Element parent, String name) {
        return children(parent, name).stream()
                .map(child -> child.getTextContent().strip())
                .findFirst()
                .orElse("");
    }

    private static List<Element> children(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        NodeList nodes = parent.getChildNodes();
        for (int i = 0; i < nodes.getLength(); i++) {
            Node node = nodes.item(i);
            if (node instanceof Element element && element.getTagName().equals(name)) {
                found.add(element);
            }
        }
        return found;
    }
}
