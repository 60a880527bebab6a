package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.image.PictureReader;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linux opens a folder like a file and then says "Is a directory" without its name. */
class FolderAsFileTest {
    @TempDir
    Path folder;

    @Test
    void isNamed() {
        assertThatThrownBy(() -> SafetensorsFile.open(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessage(folder + ": is a folder; name a file in it");
        assertThatThrownBy(() -> Digests.sha256(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessage(folder + ": is a folder; name a file in it");
        assertThatThrownBy(() -> PictureReader.read(folder))
                .isInstanceOf(PictureFormatException.class)
                .hasMessage(folder + ": is a folder");
    }
}
