package io.github.maskalign.examples.doctor;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.examples.doctor.Diagnosis.Check.Result;
import io.github.maskalign.examples.natives.EngineNatives;
import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Everything that was found out.
 *
 * @param sections facts about machine and installation
 * @param checks what was checked
 */
public record Diagnosis(List<Section> sections, List<Check> checks) {
    /** Copies the lists. */
    public Diagnosis {
        sections = List.copyOf(sections);
        checks = List.copyOf(checks);
    }

    /** Examines this machine; starts the engine, which takes a second, and a minute the first time. */
    public static Diagnosis make(Path workingFolder) {
        Machine machine = Machine.read();
        DjlVersions versions = DjlVersions.read(Diagnosis.class.getClassLoader());
        Check natives = natives();
        EngineProbe engine = natives.result() == Result.FAILED ? EngineProbe.notStarted() : EngineProbe.start();
        Folders folders = new Folders(workingFolder);

        List<Section> sections = new ArrayList<>();
        sections.add(machine.section());
        sections.add(versions.section());
        sections.add(engine.section());
        sections.add(folders.section());

        List<Check> checks = new ArrayList<>();
        checks.addAll(versions.checks(LibtorchPlace.read()));
        checks.add(natives);
        checks.addAll(engine.checks());
        checks.addAll(folders.checks());
        return new Diagnosis(sections, checks);
    }

    /** Loading a library that is damaged may end the JVM, so this comes first. */
    private static Check natives() {
        String name = "native libraries";
        try {
            EngineNatives.prepare();
            return Check.ok(name, "whole, and nobody else can write them");
        } catch (NativesException e) {
            return Check.failed(name, e.problem(), e.remedy());
        } catch (IOException e) {
            return Check.failed(name, "cannot be unpacked: " + e, "see docs/troubleshooting.md");
        }
    }

    /** Tells whether no check failed; warnings do not count. */
    public boolean isHealthy() {
        return checks.stream().noneMatch(check -> check.result() == Result.FAILED);
    }

    /** Returns one JSON object with {@code healthy}, {@code facts} and {@code checks}. */
    public String toJson() {
        JsonObject facts = new JsonObject();
        for (Section section : sections) {
            JsonObject values = new JsonObject();
            section.facts().forEach(values::addProperty);
            facts.add(section.title(), values);
        }
        JsonArray results = new JsonArray();
        for (Check check : checks) {
            JsonObject result = new JsonObject();
            result.addProperty("name", check.name());
            result.addProperty("result", check.result().name().toLowerCase(Locale.ROOT));
            result.addProperty("detail", check.detail());
            if (!check.remedy().isEmpty()) {
                result.addProperty("remedy", check.remedy());
            }
            results.add(result);
        }
        JsonObject all = new JsonObject();
        all.addProperty("healthy", isHealthy());
        all.add("facts", facts);
        all.add("checks", results);
        return new GsonBuilder()
                .disableHtmlEscaping()
                .setPrettyPrinting()
                .create()
                .toJson(all);
    }

    /**
     * Facts that belong together.
     *
     * @param title heading
     * @param facts name and value of each fact, in the order of display
     */
    public record Section(String title, Map<String, String> facts) {
        /** Keeps the order. */
        public Section {
            facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts));
        }
    }

    /**
     * One thing that was checked.
     *
     * @param name what has to hold
     * @param result whether it does
     * @param detail what was found
     * @param remedy what to do about it; empty if nothing has to be done
     */
    public record Check(String name, Result result, String detail, String remedy) {
        /** How a check ended. */
        public enum Result {
            /** It holds. */
            OK,
            /** It does not hold, and training works nevertheless. */
            WARNING,
            /** It does not hold, and something will not work. */
            FAILED
        }

        static Check ok(String name, String detail) {
            return new Check(name, Result.OK, detail, "");
        }

        static Check warning(String name, String detail, String remedy) {
            return new Check(name, Result.WARNING, detail, remedy);
        }

        static Check failed(String name, String detail, String remedy) {
            return new Check(name, Result.FAILED, detail, remedy);
        }
    }
}
