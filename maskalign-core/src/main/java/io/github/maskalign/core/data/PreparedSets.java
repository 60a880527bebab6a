package io.github.maskalign.core.data;

import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.RepaSet;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;

/** Opens prepared sets of either layout. */
public final class PreparedSets {
    private PreparedSets() {}

    /**
     * Opens the shards of a folder, or else what it holds in REPA's layout.
     *
     * @param folders the folder, and how REPA's folders in it would be named
     * @throws NoSuchFileException if it holds neither
     * @throws IOException if what it holds is damaged
     */
    public static PreparedSamples open(RepaFolders folders) throws IOException {
        if (!Files.exists(folders.root().resolve(ShardIndex.FILE)) && RepaSet.isAt(folders)) {
            return RepaSet.open(folders);
        }
        return ShardSet.open(folders.root());
    }
}
