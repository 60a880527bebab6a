package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullCacheTest {
    @TempDir
    Path folder;

    @Test
    void diskThatIsFullIsNamedAndNothingIsLeft() {
        assertThatThrownBy(() -> EmojiCacheFile.write(folder.resolve("emoji.safetensors"), 32, out -> {
                    throw new IOException("No space left on device");
                }))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(folder.resolve("emoji.safetensors")
                        + ": the pictures cannot be kept there: No space left on device; name another"
                        + " folder with data.cache or MASKALIGN_CACHE");
        assertThat(folder).isEmptyDirectory();
    }
}
