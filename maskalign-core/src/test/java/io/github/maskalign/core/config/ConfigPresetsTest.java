package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Presets;
import io.github.maskalign.core.config.ConfigKey.Sized;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfigPresetsTest {
    record Model(int depth) implements Sized {
        @Override
        public int size() {
            return depth;
        }
    }

    record Loss(
            @Default("1.0") double weight,
            @Default("1") int block,
            @Default("0") int extra) {}

    record Path(
            @Default("linear") String curve, @Default("1.0") double shift) {}

    @Presets(
            key = "kind",
            names = {"plain", "deep"},
            sections = "loss",
            sized = "model",
            size = "model.depth",
            labelled = "name")
    record Toy(
            String name,
            Model model,
            @Default("{}") Loss loss,
            @Default("{}") Path path) {}

    private static final String FILE = """
            name: toy
            model: {depth: 4}
            """;

    private static Bound<Toy> bind(String yaml, String... overrides) {
        return ConfigBinder.bindText(yaml, "toy.yaml", List.of(overrides), Toy.class);
    }

    @Test
    void withoutAPresetNothingChanges() {
        Bound<Toy> bound = bind(FILE);

        assertThat(bound.value()).isEqualTo(new Toy("toy", new Model(4), new Loss(1, 1, 0), new Path("linear", 1)));
        assertThat(bound.preset()).isEmpty();
        assertThat(bound.presetSettings()).isEmpty();
        assertThat(bind(FILE + "kind: null\n").value()).isEqualTo(bound.value());
    }

    @Test
    void whatTheFileSaysHoldsOverItsOwnPreset() {
        Bound<Toy> bound = bind(FILE + "kind: Deep\nloss: {block: 3}\npath: {curve: bent}\n");

        assertThat(bound.value()).isEqualTo(new Toy("toy", new Model(4), new Loss(2, 3, 1), new Path("bent", 3)));
        assertThat(bound.presetSettings())
                .containsExactlyInAnyOrderEntriesOf(
                        Map.of("loss.weight", "2.0", "loss.block", "3", "loss.extra", "1", "path.shift", "3.0"));
        assertThat(bound.yaml()).doesNotContain("kind");
    }

    @Test
    void onesOfAnOptionTakeThePlaceOfTheFilesSectionsAndOptionsHoldOverThem() {
        String file = FILE + "kind: plain\nloss: {block: 3, extra: 7}\npath: {curve: bent, shift: 9.0}\n";

        assertThat(bind(file, "kind=deep").value())
                .isEqualTo(new Toy("toy-deep", new Model(4), new Loss(2, 2, 1), new Path("bent", 3)));
        assertThat(bind(file, "loss.block=9", "path.shift=4.0", "kind=deep").value())
                .isEqualTo(new Toy("toy-deep", new Model(4), new Loss(2, 9, 1), new Path("bent", 4)));
        assertThat(bind(file, "kind=deep", "kind=plain", "name=mine").value())
                .isEqualTo(new Toy("mine", new Model(4), new Loss(0, 1, 0), new Path("bent", 9)));
        assertThat(bind(file, "kind=null").value())
                .isEqualTo(new Toy("toy", new Model(4), new Loss(1, 3, 7), new Path("bent", 9)));
    }

    @Test
    void theSizeIsThatAfterTheOptions() {
        assertThat(bind(FILE + "kind: deep\n", "model.depth=8").value().loss()).isEqualTo(new Loss(2, 5, 0));
        assertThat(bind(FILE, "model={depth: 8}", "kind=deep").value().loss()).isEqualTo(new Loss(2, 5, 0));
        assertThat(bind(FILE + "kind: plain\n", "model.depth=77").value().loss().weight())
                .isZero();
    }

    @Test
    void aSizeThatThePresetLacksNeedsTheKeysOfAllItsSizes() {
        assertThatThrownBy(() -> bind(FILE + "kind: deep\n", "model.depth=6"))
                .isInstanceOf(ConfigException.class)
                .hasMessage("toy.yaml:3:7: kind deep has no values for model.depth 6, only for 4, 8: give loss.block"
                        + " yourself, such as --set loss.block=2");
        Loss given = new Loss(2, 3, 0);
        assertThat(bind(FILE + "kind: deep\n", "model.depth=6", "loss.block=3")
                        .value()
                        .loss())
                .isEqualTo(given);
        assertThat(bind(FILE + "kind: deep\nloss: {block: 3}\n", "model.depth=6")
                        .value()
                        .loss())
                .isEqualTo(given);
        assertThat(bind(FILE, "kind=deep", "model.depth=6", "loss={weight: 2.0, block: 3}")
                        .value()
                        .loss())
                .isEqualTo(given);
        assertThatThrownBy(() -> bind(FILE + "loss: {block: 3}\n", "kind=deep", "model.depth=6"))
                .as("the file's section is not that of the option's preset")
                .hasMessageContaining("give loss.block yourself");
        assertThatThrownBy(() -> bind(FILE, "kind=deep", "model.depth=6", "loss={weight: 1.0}"))
                .hasMessageContaining("give loss.block yourself");
    }

    @Test
    void otherNamesAndOtherValuesAreRefused() {
        assertThatThrownBy(() -> bind(FILE + "kind: dep\n"))
                .hasMessage("toy.yaml:3:7: kind must be one of plain, deep but was \"dep\"; did you mean deep?");
        assertThatThrownBy(() -> bind(FILE, "kind=[deep]"))
                .hasMessage("--set kind=[deep]: kind must be one of plain, deep but was a list of 1");
        assertThatThrownBy(() -> bind(FILE, "kind.name=deep")).hasMessageContaining("kind is not a known key");
        assertThatThrownBy(() -> presets().get("nothing"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("kind must be one of plain, deep but was \"nothing\"");
    }

    @Test
    void theKeyIsKnownWhereAnotherOneIsNot() {
        assertThatThrownBy(() -> bind(FILE + "kinds: deep\n"))
                .hasMessage("toy.yaml:3:1: kinds is not a known key; did you mean kind? The keys are name, model, loss,"
                        + " path, kind");
        assertThatThrownBy(() -> bind(FILE, "size=deep"))
                .hasMessage("--set size=deep: size is not a known key; the keys are name, model, loss, path, kind");
    }

    @Test
    void aWrongModelIsReportedAlone() {
        assertThatThrownBy(() -> bind("name: toy\nkind: deep\nmodel: {depth: many}\n"))
                .hasMessageStartingWith("toy.yaml:3:16: model.depth must be an integer");
    }

    @Test
    void presetsCanBeListed() {
        assertThat(presets().names()).containsExactly("plain", "deep");
        assertThat(presets().get("DEEP"))
                .isEqualTo(new Preset(
                        "deep",
                        "looks deep",
                        "a paper, 1999",
                        Map.of("loss.weight", "2.0", "path.shift", "3.0"),
                        Map.of(4, Map.of("loss.block", "2", "loss.extra", "1"), 8, Map.of("loss.block", "5"))));
        assertThat(ConfigPresets.of(Model.class)).isEmpty();
    }

    @Test
    void theSchemaKnowsTheNames() {
        JsonObject schema = JsonParser.parseString(ConfigSchema.json(Toy.class, Map.of("kind", "what it is")))
                .getAsJsonObject();
        JsonObject kind = schema.getAsJsonObject("properties").getAsJsonObject("kind");

        assertThat(kind).hasToString("{\"enum\":[\"plain\",\"deep\"],\"description\":\"what it is\"}");
        assertThat(schema.getAsJsonArray("required"))
                .noneMatch(key -> key.getAsString().equals("kind"));
    }

    private static ConfigPresets presets() {
        return ConfigPresets.of(Toy.class).orElseThrow();
    }
}
