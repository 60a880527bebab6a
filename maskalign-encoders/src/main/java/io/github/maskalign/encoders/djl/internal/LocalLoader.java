package io.github.maskalign.encoders.djl.internal;

import ai.djl.Application;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelLoader;
import ai.djl.util.Progress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A loader of models that are in no repository of DJL's. It has the methods of DJL 0.29 and those of 0.35, whose
 * interfaces differ; those that one of them lacks override nothing there.
 */
@SuppressWarnings("MissingOverride")
public abstract class LocalLoader implements ModelLoader {
    private final String group;
    private final String artifact;
    private final Application application;

    protected LocalLoader(String group, String artifact, Application application) {
        this.group = group;
        this.artifact = artifact;
        this.application = application;
    }

    /** Returns the group of its zoo; asked for by DJL 0.35. */
    public String getGroupId() {
        return group;
    }

    @Override
    public String getArtifactId() {
        return artifact;
    }

    @Override
    public Application getApplication() {
        return application;
    }

    /** Returns no files of a repository; asked for by DJL 0.29. */
    public List<Artifact> listModels() {
        return List.of();
    }

    /** Returns no place in a repository; asked for by DJL 0.35. */
    public @Nullable MRL getMrl() {
        return null;
    }

    /** Whether nothing has to be downloaded; asked for by DJL 0.35. */
    public <I, O> boolean isDownloaded(Criteria<I, O> criteria) {
        return true;
    }

    /** Does nothing; asked for by DJL 0.35. */
    public <I, O> void downloadModel(Criteria<I, O> criteria, Progress progress) {
        // the files are the user's or in the jar
    }
}
