package io.github.maskalign.examples.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DiagnosisTest {
    private static final Section FACTS = new Section("machine", Map.of("cores", "2"));

    @Test
    void warningsDoNotMakeItIll() {
        Check warning = Check.warning("room", "1 MiB free", "free some space");

        assertThat(new Diagnosis(List.of(FACTS), List.of(warning)).isHealthy()).isTrue();
        assertThat(new Diagnosis(List.of(FACTS), List.of(warning, Check.failed("engine", "no", "see docs")))
                        .isHealthy())
                .isFalse();
    }

    @Test
    void jsonHoldsFactsAndChecks() {
        Diagnosis diagnosis = new Diagnosis(
                List.of(FACTS), List.of(Check.ok("room", "much"), Check.failed("engine", "no", "see docs")));

        JsonObject json = JsonParser.parseString(diagnosis.toJson()).getAsJsonObject();

        assertThat(json).isEqualTo(JsonParser.parseString("""
                {"healthy": false,
                 "facts": {"machine": {"cores": "2"}},
                 "checks": [{"name": "room", "result": "ok", "detail": "much"},
                            {"name": "engine", "result": "failed", "detail": "no", "remedy": "see docs"}]}"""));
    }
}
