package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The tokenizers library is optional: a program without it is told what to add. */
class ClipTokenizerLibraryTest {
    private static final Path VOCABULARY =
            Path.of("src", "test", "resources", "golden", "clip-text", "tokenizers", "current");

    @Test
    void aMissingLibraryIsNamed() throws Exception {
        List<URL> rest = new ArrayList<>();
        int left = 0;
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (Path.of(entry).getFileName().toString().startsWith("tokenizers")) {
                left++;
            } else {
                rest.add(Path.of(entry).toUri().toURL());
            }
        }
        assertThat(left).isEqualTo(1);

        try (URLClassLoader loader =
                new URLClassLoader(rest.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            Method open = loader.loadClass(ClipTokenizer.class.getName()).getMethod("open", Path.class, int.class);

            assertThatThrownBy(() -> open.invoke(null, VOCABULARY, 77))
                    .isInstanceOf(InvocationTargetException.class)
                    .cause()
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("ai.djl.huggingface:tokenizers");
        }
    }
}
