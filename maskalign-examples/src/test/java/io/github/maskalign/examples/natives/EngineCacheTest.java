package io.github.maskalign.examples.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EngineCacheTest {
    private static final int ME = 1000;

    @TempDir
    Path folder;

    @BeforeEach
    void assumeUnix() {
        assumeTrue(Access.me().isPresent(), "Unix alone tells owners");
    }

    @Test
    void djlsOwnChoiceIsKept() throws Exception {
        assertThat(EngineCache.choose(name -> null, folder, folder.resolve("tmp")))
                .isEqualTo(new EngineCache(folder.resolve(".djl.ai"), false));
        assertThat(EngineCache.choose(Map.of("DJL_CACHE_DIR", "/data/djl")::get, folder, folder))
                .isEqualTo(new EngineCache(Path.of("/data/djl"), false));
        assertThat(EngineCache.choose(Map.of("DJL_CACHE_DIR", "/a", "ENGINE_CACHE_DIR", "/b")::get, folder, folder))
                .isEqualTo(new EngineCache(Path.of("/b"), false));
    }

    @Test
    void whereTheHomeFolderCannotBeWrittenAFolderOfTheUsersOwnIsMade() throws Exception {
        Path noHome = folder.resolve("none");
        EngineCache made = EngineCache.choose(name -> null, noHome, folder);

        assertThat(made.isOwn()).isTrue();
        assertThat(made.folder())
                .isEqualTo(folder.resolve("maskalign-natives-" + Access.me().orElseThrow()));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made.folder())))
                .isEqualTo("rwx------");
        assertThat(EngineCache.choose(name -> null, noHome, folder)).as("again").isEqualTo(made);

        Files.setPosixFilePermissions(made.folder(), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(() -> EngineCache.choose(name -> null, noHome, folder))
                .isInstanceOf(NativesException.class)
                .hasMessageContaining("can be written by others");
    }

    @Test
    void aLinkInPlaceOfThePrivateFolderIsRefused() throws Exception {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.createSymbolicLink(
                folder.resolve("maskalign-natives-" + Access.me().orElseThrow()), elsewhere);

        assertThatThrownBy(() -> EngineCache.choose(name -> null, folder.resolve("none"), folder))
                .isInstanceOf(NativesException.class)
                .hasMessageContaining("is no folder");
    }

    @Test
    void aFolderThatEverybodyCanReplaceIsRefused() throws Exception {
        Path open = Files.createDirectory(folder.resolve("open"));
        Path cache = Files.createDirectory(open.resolve("cache"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));

        assertThatThrownBy(() -> new EngineCache(cache, false).requirePrivate())
                .isInstanceOf(NativesException.class)
                .hasMessageContaining("everybody can replace what lies in " + open);

        Files.setAttribute(open, "unix:mode", 01777); // as /tmp
        assertThatCode(() -> new EngineCache(cache, false).requirePrivate()).doesNotThrowAnyException();
    }

    @Test
    void ownersGroupsAndModesAreJudged() {
        assertThat(new Access(ME, "ann", "ann", 0755).danger(ME)).isEmpty();
        assertThat(new Access(0, "root", "root", 0755).danger(ME)).isEmpty();
        assertThat(new Access(ME, "ann", "ann", 0775).danger(ME))
                .as("a group of her own")
                .isEmpty();
        assertThat(new Access(ME, "ann", "staff", 0755).danger(ME)).isEmpty();
        assertThat(new Access(ME, "ann", "staff", 0775).danger(ME))
                .contains("can be written by others (ann:staff, mode 775)");
        assertThat(new Access(ME, "ann", "ann", 0757).danger(ME)).isPresent();
        assertThat(new Access(1001, "bob", "bob", 0755).danger(ME)).contains("belongs to another user (bob)");
        assertThat(new Access(ME, "ann", "ann", 0755).danger(0)).as("for root").isPresent();
    }
}
