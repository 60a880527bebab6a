package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.CheckpointFormatException.NewerFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.internal.Checkpoint.CheckpointManifest;
import io.github.maskalign.core.files.internal.Checkpoint.CheckpointManifest.Entry;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.FileOperations.TemporaryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder {@code checkpoints/} of a run, with one folder {@code state-0000400} per saved step.
 *
 * <p>A checkpoint is written into a hidden folder, each file forced, then renamed, so it is there with all its files or
 * not at all. After {@link #save} returns it survives a kill and a power loss (local file system with a working
 * fsync); until then the one before is untouched. Checkpoints are deleted only after a newer one is safe.
 *
 * <p>One process at a time: hold the {@link RunLock} of the run while an instance made by {@link #open} is in use.
 */
public final class CheckpointDir {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointDir.class);
    private static final Pattern STATE = Pattern.compile("(?<state>state-[0-9]{7,18})");
    private static final Pattern ASIDE = Pattern.compile("\\.(?<state>state-[0-9]{7,18})\\.old-[0-9a-f]{16}");

    private final FileOperations files;
    private final Path folder;
    private final int keepLast;
    private final long keepEvery;

    private CheckpointDir(FileOperations files, Path folder, int keepLast, long keepEvery) {
        this.files = files;
        this.folder = folder;
        this.keepLast = keepLast;
        this.keepEvery = keepEvery;
    }

    /**
     * The newest checkpoint that is whole.
     *
     * @param checkpoint it
     * @param rejected why each newer one was passed over; empty when the newest was whole
     */
    public record Latest(Checkpoint checkpoint, List<String> rejected) {
        /** Copies the list. */
        public Latest {
            rejected = List.copyOf(rejected);
        }
    }

    /**
     * Opens or creates the folder for training, removes what a killed process left half done, and keeps the last
     * {@code keepLast} (from 1) checkpoints from now on.
     */
    public static CheckpointDir open(Path folder, int keepLast) throws IOException {
        return open(folder, keepLast, 0);
    }

    /**
     * Opens or creates the folder for training; besides the last {@code keepLast} checkpoints it keeps for good those of
     * multiples of {@code keepEvery} steps (from 0, which keeps none).
     */
    public static CheckpointDir open(Path folder, int keepLast, long keepEvery) throws IOException {
        return open(FileOperations.SYSTEM, folder, keepLast, keepEvery);
    }

    static CheckpointDir open(FileOperations files, Path folder, int keepLast) throws IOException {
        return open(files, folder, keepLast, 0);
    }

    private static CheckpointDir open(FileOperations files, Path folder, int keepLast, long keepEvery)
            throws IOException {
        if (keepEvery < 0) {
            throw new IllegalArgumentException("keepEvery must be at least 0 but was " + keepEvery);
        }
        if (keepLast < 1) {
            throw new IllegalArgumentException("keepLast must be at least 1 but was " + keepLast);
        }
        AtomicFile.createFolders(folder);
        CheckpointDir dir = new CheckpointDir(files, folder, keepLast, keepEvery);
        dir.recover();
        return dir;
    }

    /** Opens an existing folder to read from, also while another process trains in it; nothing in it changes. */
    public static CheckpointDir openReadOnly(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new CheckpointFormatException(folder, "there is no such folder of checkpoints");
        }
        return new CheckpointDir(FileOperations.SYSTEM, folder, 0, 0);
    }

    /**
     * Returns the steps that have a checkpoint, whole or not, in ascending order.
     *
     * <p>Another process may be saving: reading a folder takes a while and may miss both a new entry and the old one
     * that it replaces, so it is read until nothing has changed.
     */
    public List<Long> steps() throws IOException {
        SortedSet<Long> steps = listed();
        for (SortedSet<Long> again = listed(); !again.equals(steps); again = listed()) {
            steps = again;
        }
        return new ArrayList<>(steps);
    }

    private SortedSet<Long> listed() throws IOException {
        SortedSet<Long> steps = new TreeSet<>();
        for (Pattern pattern : List.of(STATE, ASIDE)) { // a state that is being replaced is aside for a moment
            for (Path path : TemporaryName.matching(folder, pattern)) {
                Matcher name = pattern.matcher(nameOf(path));
                String state = name.matches() ? name.group("state") : "";
                long step = state.isEmpty() ? -1 : Long.parseLong(state.substring(state.indexOf('-') + 1));
                if (step >= 0 && nameOf(folderOf(step)).equals(state)) {
                    steps.add(step);
                }
            }
        }
        return steps;
    }

    /**
     * Saves a checkpoint, then deletes those of smaller steps beyond the number to keep. A checkpoint of the same step
     * is replaced, and is there until the new one is.
     *
     * @param step number of optimiser steps done, from 0
     * @param contents name (letters, digits, _ and -) to tensors; each becomes {@code NAME.safetensors}
     * @param metadata texts for the manifest
     * @throws CheckpointWriteException when the disk is full, fails or is not writable; training can go on
     */
    public Checkpoint save(long step, Map<String, StateDict> contents, Map<String, String> metadata)
            throws IOException {
        if (keepLast == 0) {
            throw new IllegalStateException(folder + " was opened for reading only");
        }
        Path target = folderOf(step);
        Path temporary = TemporaryName.of(target);
        CheckpointManifest manifest;
        Path aside;
        try {
            files.createDirectory(temporary);
            files.publish(temporary); // before its files, which take their readers from it
            manifest = writeAll(temporary, step, contents, metadata);
            aside = renameTo(target, temporary);
        } catch (IOException e) {
            CheckpointWriteException failure =
                    new CheckpointWriteException(target, "the checkpoints before it are unchanged", e);
            AtomicFile.cleanUp(files, temporary, failure);
            throw failure;
        } catch (RuntimeException | Error e) {
            AtomicFile.cleanUp(files, temporary, e);
            throw e;
        }
        try {
            files.forceDirectory(folder);
        } catch (IOException e) {
            throw new CheckpointWriteException(
                    target, "it is complete, but a power loss may bring back what was there before", e);
        }
        LOG.debug("saved {}", target);
        deleteOld(step, aside);
        return new Checkpoint(target, manifest);
    }

    /**
     * Finds the newest checkpoint whose every byte is as it was written. Those that are not are logged as warnings and
     * returned, but stay on the disk. A process that saves meanwhile, and deletes what is being read, is waited for.
     *
     * @return empty when nothing was ever saved
     * @throws CheckpointFormatException when all are damaged, or the newest whole one is of a newer release
     */
    public Optional<Latest> latestValid() throws IOException {
        while (true) {
            List<Long> steps = steps();
            List<String> rejected = new ArrayList<>();
            Optional<Latest> latest = latestOf(steps, rejected);
            if (latest.isPresent() || rejected.isEmpty() && steps.isEmpty()) {
                return latest;
            }
            if (steps().equals(steps)) {
                throw new CheckpointFormatException(folder + " has no whole checkpoint", rejected);
            }
            LOG.debug("{}: another process has saved a checkpoint", folder);
        }
    }

    private Optional<Latest> latestOf(List<Long> steps, List<String> rejected) throws IOException {
        for (int i = steps.size() - 1; i >= 0; i--) {
            try {
                Latest latest = new Latest(load(steps.get(i)), rejected);
                if (!rejected.isEmpty()) {
                    LOG.warn("falling back to {}", latest.checkpoint());
                }
                return Optional.of(latest);
            } catch (NewerFormatException e) {
                throw e;
            } catch (IOException e) {
                if (!steps().contains(steps.get(i))) {
                    continue; // another process has deleted it meanwhile
                }
                LOG.warn("checkpoint cannot be used: {}", e.getMessage());
                rejected.add(String.valueOf(e.getMessage()));
            }
        }
        return Optional.empty();
    }

    /**
     * Reads the checkpoint of one step and verifies every byte.
     *
     * @throws CheckpointFormatException when it is missing, damaged or of a newer release
     */
    public Checkpoint load(long step) throws IOException {
        Path state = folderOf(step);
        while (true) {
            Object before = identity(state);
            try {
                return Checkpoint.verified(state);
            } catch (NewerFormatException e) {
                throw e;
            } catch (IOException e) {
                Optional<Checkpoint> replaced = replaced(step);
                if (replaced.isPresent()) {
                    return replaced.get();
                }
                if (identity(state).equals(before)) {
                    throw e;
                } // else another process has replaced it meanwhile
            }
        }
    }

    /** Returns the old checkpoint of a step that another process is about to replace. */
    private Optional<Checkpoint> replaced(long step) throws IOException {
        Optional<Path> aside = asideOf(step);
        try {
            return aside.isEmpty() ? Optional.empty() : Optional.of(Checkpoint.verified(aside.get()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Object identity(Path path) throws IOException {
        try {
            Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
            return key == null ? "" : key;
        } catch (NoSuchFileException e) {
            return "missing";
        }
    }

    private Optional<Path> asideOf(long step) throws IOException {
        String state = nameOf(folderOf(step));
        for (Path path : TemporaryName.matching(folder, ASIDE)) {
            Matcher name = ASIDE.matcher(nameOf(path));
            if (name.matches() && name.group("state").equals(state)) {
                return Optional.of(path);
            }
        }
        return Optional.empty();
    }

    private CheckpointManifest writeAll(
            Path temporary, long step, Map<String, StateDict> contents, Map<String, String> metadata)
            throws IOException {
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (Map.Entry<String, StateDict> content : new TreeMap<>(contents).entrySet()) {
            String name = CheckpointManifest.fileName(content.getKey());
            WrittenFile written = SafetensorsWriter.writeNew(
                    files, temporary.resolve(name), content.getValue(), Map.of("step", Long.toString(step)));
            entries.put(name, new Entry(written.byteSize(), written.sha256(), written.tensorChecksums()));
        }
        CheckpointManifest manifest = new CheckpointManifest(step, metadata, entries);
        byte[] bytes = manifest.toJson().getBytes(StandardCharsets.UTF_8);
        writeSmall(temporary.resolve(CheckpointManifest.FILE_NAME), bytes);
        writeSmall(
                temporary.resolve(CheckpointManifest.CHECKSUM_NAME),
                CheckpointManifest.checksumLine(bytes).getBytes(StandardCharsets.UTF_8));
        files.forceDirectory(temporary);
        return manifest;
    }

    private void writeSmall(Path file, byte[] bytes) throws IOException {
        AtomicFile.writeNew(files, file, out -> out.write(ByteBuffer.wrap(bytes)));
    }

    /** Gives the new folder its name; returns where the folder that had the name before is now, if there was one. */
    private @Nullable Path renameTo(Path target, Path temporary) throws IOException {
        if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            files.rename(temporary, target);
            return null;
        }
        Path aside = TemporaryName.withSuffix(target, ".old-");
        files.rename(target, aside);
        try {
            files.rename(temporary, target);
        } catch (IOException e) {
            try {
                files.rename(aside, target);
            } catch (IOException again) {
                e.addSuppressed(again); // recover() does it at the next start
            }
            throw e;
        }
        return aside;
    }

    /** A failure to delete costs space, not the checkpoint that was just saved. */
    private void deleteOld(long step, @Nullable Path aside) {
        if (aside != null) {
            discard(aside);
        }
        try {
            List<Long> older = steps();
            older.removeIf(s -> s >= step || (keepEvery > 0 && s % keepEvery == 0 && s > 0));
            for (int i = 0; i < older.size() - (keepLast - 1); i++) {
                discard(folderOf(older.get(i)));
            }
        } catch (IOException e) {
            LOG.warn("could not look for old checkpoints: {}", e.toString());
        }
    }

    /** Deletes a folder under a temporary name: never is there half a checkpoint under its own, or to be put back. */
    private void discard(Path old) {
        try {
            Path hidden = TemporaryName.of(old);
            files.rename(old, hidden);
            TemporaryName.deleteIfPossible(files, hidden);
        } catch (IOException e) {
            LOG.warn("could not delete an old checkpoint, at the latest the next start will: {}", e.toString());
        }
    }

    /** Puts back what was moved aside for a checkpoint that never came, and deletes temporary folders. */
    private void recover() throws IOException {
        for (Path aside : TemporaryName.matching(folder, ASIDE)) {
            Matcher name = ASIDE.matcher(nameOf(aside));
            if (name.matches() && !Files.exists(folder.resolve(name.group("state")), LinkOption.NOFOLLOW_LINKS)) {
                LOG.warn("putting back {}, whose replacement was never finished", name.group("state"));
                files.rename(aside, folder.resolve(name.group("state")));
            } else {
                discard(aside);
            }
        }
        for (Path leftover : TemporaryName.leftoversIn(folder)) {
            LOG.info("removing {}, left by a process that was stopped while it wrote", leftover);
            TemporaryName.deleteIfPossible(files, leftover);
        }
        files.forceDirectory(folder);
    }

    private Path folderOf(long step) {
        if (step < 0 || step >= 1_000_000_000_000_000_000L) {
            throw new IllegalArgumentException("step must be in [0, 10^18) but was " + step);
        }
        return folder.resolve(String.format(Locale.ROOT, "state-%07d", step));
    }

    private static String nameOf(Path path) {
        return String.valueOf(path.getFileName());
    }
}
