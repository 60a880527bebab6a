package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.engine.internal.Determinism;
import io.github.maskalign.sit.run.RunConfig.RuntimeSection;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The engine's deterministic algorithms for as long as a run lasts, if its config asks for them. */
public final class DeterministicMode implements AutoCloseable {
    private static final String WORKSPACE = "CUBLAS_WORKSPACE_CONFIG";
    private static final Set<String> REPEATABLE = Set.of(":4096:8", ":16:8");

    private final @Nullable Determinism engine;

    private DeterministicMode(@Nullable Determinism engine) {
        this.engine = engine;
    }

    /**
     * Enters the mode.
     *
     * @param environment variables of this process; cuBLAS reads one of them
     * @throws IllegalArgumentException if that is missing on a GPU
     */
    public static DeterministicMode of(RuntimeSection runtime, Map<String, String> environment) {
        if (!runtime.deterministic()) {
            return new DeterministicMode(null);
        }
        String workspace = environment.getOrDefault(WORKSPACE, "");
        if (runtime.device().equals("gpu") && !REPEATABLE.contains(workspace)) {
            throw new IllegalArgumentException("runtime.deterministic needs " + WORKSPACE
                    + "=:4096:8 (or :16:8) in the environment, because cuBLAS repeats its sums only then, but it was "
                    + (workspace.isEmpty() ? "not set" : workspace) + "; start with '" + WORKSPACE
                    + "=:4096:8 scripts/maskalign train ...'");
        }
        return new DeterministicMode(Determinism.on());
    }

    @Override
    public void close() {
        if (engine != null) {
            engine.close();
        }
    }
}
