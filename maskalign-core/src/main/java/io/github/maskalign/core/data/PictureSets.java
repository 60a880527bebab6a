package io.github.maskalign.core.data;

import io.github.maskalign.core.data.internal.LabelFile;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PictureSet.FolderSet;
import io.github.maskalign.core.data.internal.PictureSet.PictureFormatNames;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.data.internal.PictureSet.ZipSet;
import io.github.maskalign.core.data.internal.TarSet;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Opens picture sets, whatever their form. */
public final class PictureSets {
    private static final int TAR_MAGIC_AT = 257;

    private PictureSets() {}

    /**
     * Opens a set.
     *
     * <table>
     * <caption>Forms</caption>
     * <tr><td>folder with dataset.json</td><td>REPA's preprocessed pictures, labels from that file</td></tr>
     * <tr><td>folder of .tar files</td><td>WebDataset shards, or one archive for each class</td></tr>
     * <tr><td>other folder</td><td>a folder for each class, or pictures of one class</td></tr>
     * <tr><td>.zip</td><td>the same</td></tr>
     * <tr><td>.tar</td><td>tar of tars (ILSVRC2012), class folders, WebDataset, or pictures of one class</td></tr>
     * </table>
     *
     * @throws PictureSetException if it has none of these forms or is damaged
     */
    public static PictureSet open(Path path) throws IOException {
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString(), null, "there is no such picture set");
        }
        if (Files.isDirectory(path)) {
            return openFolder(path);
        }
        byte[] start = new byte[512];
        try (InputStream in = Files.newInputStream(path)) {
            int length = in.readNBytes(start, 0, start.length);
            if (length >= 4 && start[0] == 'P' && start[1] == 'K') {
                return ZipSet.open(path);
            }
            if (new String(start, TAR_MAGIC_AT, 5, StandardCharsets.US_ASCII).equals("ustar")) {
                return TarSet.open(path, List.of(path));
            }
        }
        throw new PictureSetException(path, "it is neither a zip nor an (uncompressed) tar archive");
    }

    private static PictureSet openFolder(Path folder) throws IOException {
        if (Files.exists(folder.resolve(LabelFile.NAME))) {
            return FolderSet.withLabels(folder);
        }
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> archives = files.filter(file -> PictureFormatNames.extension(
                                    file.getFileName().toString())
                            .equals("tar"))
                    .sorted()
                    .toList();
            return archives.isEmpty() ? FolderSet.open(folder) : TarSet.open(folder, archives);
        }
    }
}
