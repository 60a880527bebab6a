package io.github.maskalign.examples;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.text.DecimalFormat;
import java.text.SimpleDateFormat;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Who may know whom. Directions are decisions: change the table here together with docs/architecture.md. */
class ArchitectureTest {
    private static final String ROOT = "io.github.maskalign.";
    private static final String CORE = ROOT + "core.";
    private static final String[] LIBRARIES = {CORE + ".", ROOT + "sit..", ROOT + "encoders.."};

    /** Small things that every package of core may use, but for {@code metrics} and these themselves. */
    private static final Set<String> COMMON = Set.of("random", "script", "engine");

    /** What each package of core may use besides {@link #COMMON}; {@code train} may use all but {@code sample}. */
    private static final Map<String, Set<String>> CORE_EDGES = new TreeMap<>(Map.ofEntries(
            Map.entry("align", Set.of("config", "diffusion", "nn")),
            Map.entry("analysis", Set.of()),
            Map.entry("config", Set.of()),
            Map.entry("data", Set.of("files", "image")),
            Map.entry("diffusion", Set.of()),
            Map.entry("distributed", Set.of()),
            Map.entry("evaluate", Set.of("files")),
            Map.entry("files", Set.of()),
            Map.entry("image", Set.of("files")),
            Map.entry("nn", Set.of()),
            Map.entry("sample", Set.of("config", "diffusion")),
            Map.entry(
                    "train", Set.of("align", "config", "data", "diffusion", "distributed", "files", "metrics", "nn"))));

    /** Packages that use nothing but what stands here. */
    private static final Map<String, Set<String>> CLOSED_EDGES = new TreeMap<>(Map.of(
            "engine", Set.of(),
            "metrics", Set.of(),
            "random", Set.of(),
            "script", Set.of("engine")));

    private static final Set<String> LOCALE_DEPENDENT = Set.of(
            "String.format",
            "String.formatted",
            "String.toLowerCase",
            "String.toUpperCase",
            "PrintStream.format",
            "PrintStream.printf",
            "PrintWriter.format",
            "PrintWriter.printf",
            "DateTimeFormatter.ofPattern",
            "MessageFormat.format",
            "NumberFormat.getInstance",
            "NumberFormat.getIntegerInstance",
            "NumberFormat.getNumberInstance",
            "NumberFormat.getPercentInstance");

    /** What a model zoo is written with; {@code Artifact} and {@code MRL} are types of what ours have none of. */
    private static final Set<String> ZOO_INTERFACES = Set.of(
            "ai.djl.repository.Artifact",
            "ai.djl.repository.MRL",
            "ai.djl.repository.zoo.Criteria",
            "ai.djl.repository.zoo.ModelLoader",
            "ai.djl.repository.zoo.ModelNotFoundException",
            "ai.djl.repository.zoo.ModelZoo",
            "ai.djl.repository.zoo.ZooModel",
            "ai.djl.repository.zoo.ZooProvider");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar")) // core's helpers, once it is packaged
            .importPackages("io.github.maskalign");

    static Stream<String> corePackages() {
        return Stream.concat(CORE_EDGES.keySet().stream(), CLOSED_EDGES.keySet().stream());
    }

    @ParameterizedTest
    @MethodSource("corePackages")
    void corePackageUsesOnlyWhatItMay(String name) {
        Set<String> allowed = new TreeSet<>(Set.of(name));
        if (CLOSED_EDGES.containsKey(name)) {
            allowed.addAll(CLOSED_EDGES.get(name));
        } else {
            allowed.addAll(CORE_EDGES.get(name));
            allowed.addAll(COMMON);
        }
        String[] allowedPackages =
                allowed.stream().map(other -> CORE + other + "..").toArray(String[]::new);

        check(noClasses()
                .that()
                .resideInAPackage(CORE + name + "..")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + ".").and(not(resideInAnyPackage(allowedPackages))))
                .because("core." + name + " may use " + allowed + " of this project and nothing else"));
    }

    @Test
    void everyCorePackageHasItsRow() {
        Set<String> found = CLASSES.stream()
                .filter(resideInAPackage(CORE + "."))
                .map(type -> type.getPackageName().substring(CORE.length()).split("\\.")[0])
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(corePackages().collect(Collectors.toSet())).containsAll(found);
    }

    @Test
    void coreHasNoCycles() {
        check(SlicesRuleDefinition.slices().matching(CORE + "(*)..").should().beFreeOfCycles());
    }

    @Test
    void coreKnowsNoOtherModule() {
        check(noClasses()
                .that(resideInAPackage(CORE + "."))
                .should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + "sit..", ROOT + "encoders..", ROOT + "examples..")));
    }

    @Test
    void encodersKnowNothingOfSitAndSitsRunsAndZooAloneKnowEncoders() {
        check(noClasses()
                .that()
                .resideInAPackage(ROOT + "sit..")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "examples..")));
        check(noClasses()
                .that()
                .resideInAPackage(ROOT + "sit..")
                .and()
                .resideOutsideOfPackages(ROOT + "sit.run..", ROOT + "sit.lab..", ROOT + "sit.djl..")
                .should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + "encoders..", ROOT + "sit.run..", ROOT + "sit.djl..")));
        check(noClasses()
                .that()
                .resideInAPackage(ROOT + "sit..")
                .and()
                .resideOutsideOfPackage(ROOT + "sit.lab..")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "sit.lab..")));
        check(noClasses()
                .that()
                .resideInAPackage(ROOT + "sit.djl..")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "sit.run..")));
        check(noClasses()
                .that()
                .resideInAPackage(ROOT + "encoders..")
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage(ROOT + "sit..", ROOT + "examples..", CORE + "train..", CORE + "sample..")));
    }

    @Test
    void onlyScriptAndEngineSeeThePyTorchEngine() {
        check(noClasses()
                .that(not(resideInAnyPackage(CORE + "script..", CORE + "engine..")))
                .should()
                .dependOnClassesThat(resideInAPackage("ai.djl.pytorch..")));
    }

    /** DJL computes these without recording a graph, so a gradient that passes one of them is zero, without a word. */
    @Test
    void blocksAndLossesCutNoGraph() {
        Set<String> cutting = Set.of("toType", "toDevice", "duplicate");
        Set<String> constants = Set.of("TokenSubset.owned", "TokenSubset.mask", "Initializers.constant", "SiT.labels");
        DescribedPredicate<JavaMethodCall> cuts = DescribedPredicate.describe(
                "an array's " + cutting + " is called outside of " + constants,
                call -> cutting.contains(call.getName())
                        && call.getTargetOwner().isAssignableTo(NDArray.class)
                        && !constants.contains(call.getOriginOwner().getSimpleName() + "."
                                + call.getOrigin().getName()));

        check(noClasses()
                .that(resideInAnyPackage(CORE + "nn..", CORE + "align..", CORE + "diffusion..", ROOT + "sit"))
                .should()
                .callMethodWhere(cuts));
    }

    @Test
    void programsUseTheLibraryAlone() {
        check(noClasses()
                .that(resideInAPackage(ROOT + "examples.imagenet"))
                .should()
                .dependOnClassesThat(
                        resideInAPackage(ROOT + "examples..").and(not(resideInAPackage(ROOT + "examples.imagenet")))));
    }

    @Test
    void onlyProgramsEndTheJvm() {
        check(noClasses()
                .that(not(named(Main.class).or(resideInAPackage(ROOT + "examples.imagenet"))))
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class));
    }

    @Test
    void librariesConfigureNoLogging() {
        check(noClasses()
                .that(resideInAnyPackage(LIBRARIES))
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("ch.qos.logback..", "java.util.logging..", "org.apache.log4j..")));
    }

    /** What a run has to know of its process, the program tells it. */
    @Test
    void librariesReadNeitherPropertiesNorEnvironment() {
        check(noClasses()
                .that(resideInAnyPackage(LIBRARIES))
                .should()
                .callMethod(System.class, "getProperty", String.class)
                .orShould()
                .callMethod(System.class, "getProperty", String.class, String.class)
                .orShould()
                .callMethod(System.class, "setProperty", String.class, String.class)
                .orShould()
                .callMethod(System.class, "getProperties")
                .orShould()
                .callMethod(System.class, "getenv")
                .orShould()
                .callMethod(System.class, "getenv", String.class)
                .orShould()
                .callMethod(Boolean.class, "getBoolean", String.class)
                .orShould()
                .callMethod(Integer.class, "getInteger", String.class)
                .orShould()
                .callMethod(Long.class, "getLong", String.class));
    }

    @Test
    void librariesPrintNothing() {
        check(noClasses()
                .that(resideInAnyPackage(LIBRARIES))
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(Throwable.class, "printStackTrace"));
    }

    @Test
    void nothingUsesJavaSerialisation() {
        check(noClasses()
                .that(resideInAnyPackage(ROOT + "."))
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.io.ObjectInputStream"));
    }

    /** Some locales write other digits, commas and letters, so that a file had another name elsewhere. */
    @Test
    void nothingFollowsTheLocaleOfTheMachine() {
        DescribedPredicate<JavaMethodCall> follows = DescribedPredicate.describe(
                "a method is called without a Locale that then takes the machine's",
                call -> LOCALE_DEPENDENT.contains(call.getTargetOwner().getSimpleName() + "." + call.getName())
                        && call.getTarget().getRawParameterTypes().stream()
                                .noneMatch(type -> type.isEquivalentTo(Locale.class)));

        check(noClasses().that(resideInAPackage(ROOT + ".")).should().callMethodWhere(follows));
        check(noClasses()
                .that(resideInAPackage(ROOT + "."))
                .should()
                .callConstructor(Formatter.class)
                .orShould()
                .callConstructor(Formatter.class, Appendable.class)
                .orShould()
                .callConstructor(DecimalFormat.class, String.class)
                .orShould()
                .callConstructor(SimpleDateFormat.class, String.class));
    }

    /**
     * DJL 0.29.0 unpacks archives without checking where their entries lead (CVE-2025-0851). Its repositories, and the
     * model zoo upon them, are what unpacks; they download as well.
     */
    @Test
    void nothingReachesDjlsUnpackingOfArchives() {
        check(noClasses()
                .that(resideInAnyPackage(ROOT + "."))
                .should()
                .dependOnClassesThat(resideInAnyPackage("ai.djl.repository..", "ai.djl.basicdataset..")
                        .and(not(named(ZOO_INTERFACES))))
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("ai.djl.util.ZipUtils")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("ai.djl.util.TarUtils"));
    }

    @Test
    void onlyTheZoosKnowDjls() {
        check(noClasses()
                .that(not(resideInAnyPackage(ROOT + "encoders.djl..", ROOT + "sit.djl..")))
                .should()
                .dependOnClassesThat(named(ZOO_INTERFACES)));
    }

    /** What the rule above forbids is all that unpacks: no other class of DJL's calls the two. */
    @Test
    void djlsRepositoriesAloneUnpackArchives() {
        JavaClasses djl = new ClassFileImporter().importPackages("ai.djl");

        Set<String> callers = djl.stream()
                .filter(type -> !type.getName().startsWith("ai.djl.util.ZipUtils")
                        && !type.getName().startsWith("ai.djl.util.TarUtils"))
                .flatMap(type -> type.getDirectDependenciesFromSelf().stream())
                .filter(use -> Set.of("ai.djl.util.ZipUtils", "ai.djl.util.TarUtils")
                        .contains(use.getTargetClass().getName()))
                .map(use -> use.getOriginClass().getPackageName())
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(djl.contain("ai.djl.util.ZipUtils")).isTrue();
        assertThat(callers).containsExactly("ai.djl.repository");
    }

    /** It has to run before DJL is loaded, whose classes look for their libraries when they are initialised. */
    @Test
    void nativesAreMadeReadyWithoutDjl() {
        check(noClasses()
                .that(resideInAPackage(ROOT + "examples.natives"))
                .should()
                .dependOnClassesThat(resideInAPackage("ai.djl..")));
    }

    @Test
    void namesSayWhatAThingIs() {
        for (String ending : List.of("Utils", "Util", "Helper", "Manager", "Impl", "Base")) {
            check(noClasses().that(resideInAPackage(ROOT + ".")).should().haveSimpleNameEndingWith(ending));
        }
    }

    @Test
    void theRulesSeeTheWholeProject() {
        assertThat(CLASSES.contain(CORE + "files.AtomicFile")).isTrue();
        assertThat(CLASSES.contain(ROOT + "sit.SiT")).isTrue();
        assertThat(CLASSES.contain(Main.class.getName())).isTrue();
        assertThat(CLASSES.contain(ArchitectureTest.class.getName())).isFalse();
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(CLASSES);
    }

    private static DescribedPredicate<JavaClass> named(Set<String> names) {
        return DescribedPredicate.describe("one of " + names, found -> names.contains(found.getName()));
    }

    private static DescribedPredicate<JavaClass> named(Class<?> type) {
        return DescribedPredicate.describe(
                type.getSimpleName(), found -> found.getName().equals(type.getName()));
    }
}
