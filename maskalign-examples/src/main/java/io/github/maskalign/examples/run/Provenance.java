package io.github.maskalign.examples.run;

import ai.djl.engine.Engine;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.config.Bound;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.engine.NativeThreads;
import java.util.LinkedHashMap;
import java.util.Map;

/** Where numbers come from: versions, machine, settings. Stored beside them and inside every checkpoint. */
public final class Provenance {
    private Provenance() {}

    /** Returns the facts that may change the rounding of a run. */
    public static Map<String, String> of(RunConfig config, String version, Communicator ranks) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("maskalign", version);
        facts.put("djl", Engine.getDjlVersion());
        facts.put("pytorch", Engine.getInstance().getVersion());
        facts.put("java", System.getProperty("java.vm.version"));
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        facts.put("device", config.runtime().device());
        facts.put("precision", config.runtime().precision().name());
        facts.put("threads", Integer.toString(NativeThreads.count()));
        facts.put("ranks", ranks.size() == 1 ? "1" : ranks.size() + " by " + ranks.description());
        facts.put("accumulation", Integer.toString(config.train().accumulation()));
        return facts;
    }

    /** Returns the text of {@code provenance.json}. */
    public static String json(Bound<RunConfig> config, Map<String, String> facts) {
        Map<String, Object> all = new LinkedHashMap<>(facts);
        all.put("config_source", config.source());
        all.put("config_overrides", config.overrides());
        all.put("config_sha256", config.hash());
        all.put("seed", config.value().seed());
        return new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .create()
                        .toJson(all) + "\n";
    }
}
