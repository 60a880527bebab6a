"""Tests scripts/export_encoder.py offline: check_export_encoder.py

Small random models of transformers and timm, a folder as save_pretrained writes it, and a stand-in for a clone of
facebookresearch/dinov2. That a file gives its model's tokens is checked by the exporter itself, before it keeps a file.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch
from timm.layers.pos_embed import resample_abs_pos_embed

from golden_file import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import export_encoder

TINY = "--random 3 --width 24 --depth 1 --heads 3 --side 42".split()
HUBCONF = """
import sys
import torch
sys.path.insert(0, {folder!r})
from vit_reference import Vit, resample

class Clone(Vit):
    def interpolate_pos_encoding(self, tokens, height, width):
        return 0.5 * resample(self.pos_embed, self.grid, height // 14, width // 14)  # to be told from REPA's rule

    def forward_features(self, image):
        tokens = self.patch_embed(image)
        x = self.cls_token.expand(image.shape[0], -1, -1)
        x = torch.cat([x, tokens], dim=1)
        x = x + self.interpolate_pos_encoding(x, image.shape[2], image.shape[3])
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return dict(x_norm_clstoken=x[:, 0], x_norm_patchtokens=x[:, 1:])

def dinov2_vits14(pretrained=True):
    return Clone(518, 14, 384, 1, 6)
"""

HUBCONF_OF_ONE = HUBCONF.replace("expand(image.shape[0], -1, -1)", "expand(len(image), -1, -1)")


class ExportEncoderTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def export(self, *arguments, name="encoder.pt"):
        out, printed = self.folder / name, io.StringIO()
        with contextlib.redirect_stdout(printed):
            export_encoder.main([*arguments, "--out", str(out)])
        return out, printed.getvalue()

    def refused(self, *arguments):
        said = io.StringIO()
        with self.assertRaises(SystemExit) as exit, contextlib.redirect_stderr(said):
            self.export(*arguments)
        self.assertFalse((self.folder / "encoder.pt").exists())
        return said.getvalue() + str(exit.exception)

    def tokens(self, file, side=42):
        image = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(9))
        with torch.no_grad():
            return torch.jit.load(file).eval()(image)

    def test_every_architecture_of_transformers_and_timm(self):
        for kind in ("hf", "timm"):
            for model in ("dinov2_vits14", "dinov2_vits14_reg", "dinov2_vitg14", "dinov2_vitg14_reg"):
                for positions in ("repa", "own"):
                    with self.subTest(kind=kind, model=model, positions=positions):
                        file, _ = self.export("--model", model, "--source", kind, "--positions", positions, *TINY)
                        cls, patches = self.tokens(file)
                        self.assertEqual((cls.shape, patches.shape), ((2, 24), (2, 9, 24)))

    def test_the_printed_lines_are_those_of_the_file(self):
        file, printed = self.export("--model", "dinov2_vits14", "--source", "hf", *TINY)
        self.assertTrue(printed.startswith(f"# {file}: "))
        self.assertIn("# 3 x 3 tokens, from pictures of 48 pixels\n", printed)
        self.assertIn("encoder:\n  kind: TORCHSCRIPT\n  width: 24\n", printed)
        self.assertIn(f"  path: {file}\n  sha256: {export_encoder.sha256(file)}\n  preprocessing: dinov2\n", printed)

    def test_the_same_export_gives_the_same_bytes(self):
        files = [self.folder / "first.pt", self.folder / "second.pt"]
        command = [sys.executable, export_encoder.__file__, "--model", "dinov2_vits14", "--source", "hf", *TINY]
        for file in files:  # traced classes are numbered within a process, so each has its own
            subprocess.run([*command, "--out", file], check=True, capture_output=True)
        self.assertEqual(*(file.read_bytes() for file in files))

    def test_the_rules_for_positions_differ_and_repa_is_timms(self):
        repa, _ = self.export("--model", "dinov2_vits14", "--source", "hf", *TINY)
        own = ["--positions", "own", *TINY]
        own, _ = self.export("--model", "dinov2_vits14", "--source", "hf", *own, name="own.pt")
        self.assertGreater(float((self.tokens(repa)[1] - self.tokens(own)[1]).abs().max()), 1e-2)
        for prefix in (0, 1):
            table = torch.randn(1, prefix + 37 * 37, 5)
            expected = resample_abs_pos_embed(table, [16, 16], num_prefix_tokens=prefix)
            self.assertTrue(torch.equal(export_encoder.repa_table(table, 16), expected))

    def test_another_side_is_refused_by_the_file(self):
        for kind in ("hf", "timm"):
            file, _ = self.export("--model", "dinov2_vits14", "--source", kind, *TINY)
            with self.subTest(kind=kind), self.assertRaises(RuntimeError):
                self.tokens(file, side=56)

    def test_folders_of_save_pretrained(self):
        from transformers import Dinov2Config, Dinov2Model

        shape = dict(hidden_size=384, num_hidden_layers=1, num_attention_heads=6, image_size=518, patch_size=14)
        torch.manual_seed(4)
        Dinov2Model(Dinov2Config(**shape)).save_pretrained(self.folder / "model")
        file, _ = self.export("--model", "dinov2_vits14", "--source", "hf", str(self.folder / "model"), "--side", "42")
        self.assertEqual(self.tokens(file)[1].shape, (2, 9, 384))
        (self.folder / "encoder.pt").unlink()
        said = self.refused("--model", "dinov2_vitb14", "--source", "hf", str(self.folder / "model"))
        self.assertIn("dinov2_vitb14 has width 768 and 0 register tokens, but the weights have width 384 and 0", said)

    def test_clones_for_torch_hub(self):
        clone = self.folder / "clone"
        clone.mkdir()
        (clone / "hubconf.py").write_text(HUBCONF.format(folder=str(Path(__file__).parent)))
        source = ["--model", "dinov2_vits14", "--source", "hub", str(clone), "--side", "42"]
        trained = torch.hub.load(str(clone), "dinov2_vits14", source="local").state_dict()
        weights = {name: torch.randn_like(value) * 0.1 for name, value in trained.items()}
        torch.save(weights, self.folder / "weights.pth")
        from_file = [*source, "--weights", str(self.folder / "weights.pth")]
        repa, _ = self.export(*from_file)
        own, _ = self.export(*from_file, "--positions", "own", name="own.pt")
        table = weights["pos_embed"]
        half = torch.jit.load(own).state_dict()["model.pos_embed"]
        whole = torch.jit.load(repa).state_dict()["model.pos_embed"]
        self.assertTrue(torch.equal(half, 0.5 * whole))
        self.assertTrue(torch.equal(whole, resample_abs_pos_embed(table, [3, 3])))
        self.assertEqual(self.tokens(repa)[1].shape, (2, 9, 384))

    def test_models_that_know_one_batch_size_are_refused(self):
        clone = self.folder / "clone"
        clone.mkdir()
        (clone / "hubconf.py").write_text(HUBCONF_OF_ONE.format(folder=str(Path(__file__).parent)))
        said = self.refused("--model", "dinov2_vits14", "--source", "hub", str(clone), "--side", "42", "--random", "1")
        self.assertIn("the traced encoder cannot compute with other batch sizes: ", said)

    def test_mistakes_in_the_command(self):
        model = ["--model", "dinov2_vits14"]
        self.assertIn("--side must be a multiple of 14 but was 30", self.refused(*model, "--side", "30"))
        self.assertIn("hub, hf or timm", self.refused(*model, "--source", "web"))
        self.assertIn("go with --random", self.refused(*model, "--width", "24"))
        self.assertIn("--weights goes with", self.refused(*model, "--source", "hf", "--weights", "w.pth"))
        tiny = ["--random", "1", "--width", "10", "--heads", "3", "--source", "hf"]
        self.assertIn("--width must be a multiple of --heads", self.refused(*model, *tiny))


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
