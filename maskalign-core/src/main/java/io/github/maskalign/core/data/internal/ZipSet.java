package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.LabelFile.ClassFolders;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PictureSet.PictureFormatNames;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.data.internal.TarSet.FileSlice;
import io.github.maskalign.core.files.internal.ZipArchive;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipArchive.ZipRules;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;

/** Pictures of class folders in a zip archive, stored or deflated, as Info-ZIP, Python, macOS and Windows write them. */
public final class ZipSet implements PictureSet {
    private static final int MAX_NAME_BYTES = 4096;
    private static final int MAX_ENTRIES = 1 << 24;
    private static final int MAX_RATIO = 100;
    private static final long FREE_BYTES = 1 << 20;

    /** Names that are not marked are UTF-8 on macOS and Linux; what is none comes from DOS and Windows. */
    private static final ZipRules RULES = new ZipRules(
            ZipRules.Layout.ANY,
            List.of(StandardCharsets.UTF_8, ZipRules.DOS),
            MAX_NAME_BYTES,
            MAX_ENTRIES,
            MAX_RATIO,
            FREE_BYTES,
            Long.MAX_VALUE, // pictures are unpacked one at a time
            "");

    private final Path path;
    private final FileChannel channel;
    private final ZipArchive zip;
    private final List<ZipEntryInfo> entries;
    private final List<String> classes;
    private final List<LabelledPicture> pictures;

    private ZipSet(Path path, FileChannel channel, ZipArchive zip, List<ZipEntryInfo> entries, ClassFolders labels) {
        this.path = path;
        this.channel = channel;
        this.zip = zip;
        this.entries = entries;
        classes = labels.classes();
        pictures = entries.stream().map(entry -> labels.label(entry.name())).toList();
    }

    public static ZipSet open(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            ZipArchive zip = ZipArchive.open(
                    channel,
                    RULES,
                    (problem, cause) -> cause == null
                            ? new PictureSetException(path, problem)
                            : new PictureSetException(path, problem, cause));
            List<ZipEntryInfo> entries = zip.entries().stream()
                    .filter(entry -> !entry.isFolder() && PictureFormatNames.isPicture(entry.name()))
                    .sorted(Comparator.comparing(ZipEntryInfo::name))
                    .toList();
            if (entries.isEmpty()) {
                throw new PictureSetException(path, "there is no .jpg, .jpeg or .png in the archive");
            }
            ClassFolders labels = ClassFolders.of(
                    path, entries.stream().map(ZipEntryInfo::name).toList());
            return new ZipSet(path, channel, zip, entries, labels);
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public int size() {
        return pictures.size();
    }

    @Override
    public LabelledPicture picture(int index) {
        return pictures.get(index);
    }

    @Override
    public byte[] read(int index) throws IOException {
        ZipEntryInfo entry = entries.get(index);
        FileSlice.requireSmall(path, entry.size());
        return zip.content(entry);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
