package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The real file system, with a model of what a power loss may leave of it: file contents that were not forced are
 * there or lost; of the changes to a folder that were not forced any first part is there, for each folder on its own.
 */
final class PowerLossDisk implements FileOperations {
    /** A file or folder, whatever names it has. */
    private static final class Node {
        final boolean folder;
        byte[] content = {};
        byte[] forced = {};
        Map<String, Node> durable = new TreeMap<>();
        List<Consumer<Map<String, Node>>> pending = new ArrayList<>();

        Node(boolean folder) {
            this.folder = folder;
        }

        Map<String, Node> entries(int changes) {
            Map<String, Node> entries = new TreeMap<>(durable);
            pending.subList(0, changes).forEach(change -> change.accept(entries));
            return entries;
        }

        Map<String, Node> now() {
            return entries(pending.size());
        }
    }

    /** What to do after each call. */
    interface Observer {
        void afterCall() throws IOException;
    }

    private final Path root;
    private final Observer observer;
    private final Node rootNode = new Node(true);
    private final Map<FileChannel, Node> open = new IdentityHashMap<>();

    PowerLossDisk(Path root, Observer observer) {
        this.root = root;
        this.observer = observer;
    }

    /** Returns all states that a power loss now may leave, as path to content, null for a folder. */
    List<Map<String, byte[]>> survivors() {
        Map<String, Map<String, byte[]>> distinct = new LinkedHashMap<>();
        for (boolean lost : new boolean[] {true, false}) {
            for (Map<String, byte[]> state : survivors(rootNode, "", lost)) {
                distinct.putIfAbsent(signature(state), state);
            }
        }
        return List.copyOf(distinct.values());
    }

    /** Names and contents in one text. */
    static String signature(Map<String, byte[]> state) {
        return state.entrySet().stream()
                .map(e -> e.getKey() + "=" + Arrays.hashCode(e.getValue()))
                .collect(Collectors.joining("\n"));
    }

    private static List<Map<String, byte[]>> survivors(Node node, String path, boolean lost) {
        List<Map<String, byte[]>> states = new ArrayList<>();
        for (int changes = 0; changes <= node.pending.size(); changes++) {
            List<Map<String, byte[]>> product = List.of(new LinkedHashMap<>());
            for (Map.Entry<String, Node> entry : node.entries(changes).entrySet()) {
                String name = path + entry.getKey();
                Node child = entry.getValue();
                List<Map<String, byte[]>> variants = new ArrayList<>();
                if (child.folder) {
                    for (Map<String, byte[]> below : survivors(child, name + "/", lost)) {
                        Map<String, byte[]> with = new LinkedHashMap<>();
                        with.put(name, null);
                        with.putAll(below);
                        variants.add(with);
                    }
                } else {
                    Map<String, byte[]> single = new LinkedHashMap<>();
                    single.put(name, lost ? child.forced : child.content);
                    variants.add(single);
                }
                product = product.stream()
                        .flatMap(before -> variants.stream().map(more -> {
                            Map<String, byte[]> both = new LinkedHashMap<>(before);
                            both.putAll(more);
                            return both;
                        }))
                        .toList();
            }
            states.addAll(product);
        }
        return states;
    }

    /** Writes one surviving state into an empty folder. */
    static void materialise(Map<String, byte[]> state, Path folder) throws IOException {
        for (Map.Entry<String, byte[]> entry : state.entrySet()) {
            Path path = folder.resolve(entry.getKey());
            if (entry.getValue() == null) {
                Files.createDirectory(path);
            } else {
                Files.write(path, entry.getValue());
            }
        }
    }

    private Node node(Path path) {
        Node node = rootNode;
        for (Path name : root.relativize(path)) {
            if (!name.toString().isEmpty()) {
                node = Objects.requireNonNull(node.now().get(name.toString()), () -> "no " + path);
            }
        }
        return node;
    }

    private static String name(Path path) {
        return path.getFileName().toString();
    }

    private void add(Path path, Node node) {
        node(path.getParent()).pending.add(entries -> entries.put(name(path), node));
    }

    @Override
    public FileChannel create(Path file) throws IOException {
        FileChannel channel = SYSTEM.create(file);
        Node node = new Node(false);
        open.put(channel, node);
        add(file, node);
        observer.afterCall();
        return channel;
    }

    @Override
    public void createDirectory(Path folder) throws IOException {
        SYSTEM.createDirectory(folder);
        add(folder, new Node(true));
        observer.afterCall();
    }

    @Override
    public void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        Node node = open.get(channel);
        byte[] before = node.content;
        node.content = Arrays.copyOf(before, before.length + bytes.remaining());
        bytes.duplicate().get(node.content, before.length, bytes.remaining());
        SYSTEM.write(channel, bytes);
        observer.afterCall();
    }

    @Override
    public void force(FileChannel channel) throws IOException {
        open.get(channel).forced = open.get(channel).content;
        observer.afterCall();
    }

    @Override
    public void forceDirectory(Path folder) throws IOException {
        Node node = node(folder);
        node.durable = node.now();
        node.pending = new ArrayList<>();
        observer.afterCall();
    }

    @Override
    public void publish(Path path) throws IOException {
        SYSTEM.publish(path);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        SYSTEM.rename(from, to);
        node(from.getParent()).pending.add(entries -> {
            Node moved = entries.remove(name(from));
            if (moved != null) {
                entries.put(name(to), moved);
            }
        });
        observer.afterCall();
    }

    @Override
    public void delete(Path path) throws IOException {
        SYSTEM.delete(path);
        node(path.getParent()).pending.add(entries -> entries.remove(name(path)));
        observer.afterCall();
    }
}
