"""One training step of a plan, twice: as our script functions in the order in which the library calls them, and as an
independent PyTorch program. Both take the same batch from host memory and start from the same weights."""

import gc
import json
import math
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
if not (HERE / "sit_reference.py").exists():  # in the repository, not in a kit
    sys.path.insert(0, str(HERE.parent / "golden"))
from losses_reference import training_loss  # noqa: E402
from sit_reference import Output, SiT, SiTConfig, position_table  # noqa: E402

TYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64}


class KitError(Exception):
    """The folder is not what this program can use."""


def free(device):
    """Gives memory back, and begins to count its peak anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


class Plan:
    """The calls of a step, and what its model is."""

    def __init__(self, kit, name):
        self.kit, self.name = Path(kit), name
        self.content = json.loads((self.kit / "plans" / f"{name}.json").read_text())
        self.bf16 = self.content["precision"] == "bfloat16"
        model = dict(self.content["model"])
        self.config = SiTConfig(**{**model, "z_dims": tuple(model["z_dims"])})
        self.optim = self.content["optim"]

    def weights(self, device, seed=0):
        """Weights by key, from a seeded rule; no gate is zero, or gradients would be and products cheap."""
        generator, made = torch.Generator(device).manual_seed(seed), {}
        for weight in self.content["weights"]:
            key, shape = weight["key"], weight["shape"]
            if key == "pos_embed":
                value = torch.zeros(shape, device=device)
                value[0, -self.config.tokens:] = position_table(self.config.hidden_size, self.config.grid).float().to(device)
            else:
                value = torch.randn(shape, generator=generator, device=device)
                linear = len(shape) > 1 and "adaLN" not in key and "embedding" not in key
                value *= math.sqrt(2 / (shape[0] + math.prod(shape[1:]))) if linear else 0.02
                value += 1 if len(shape) == 1 and key.endswith("norm.weight") else 0
            made[key] = value
        return made

    def batch(self, count, seed=0):
        """A batch in host memory, by name."""
        generator, made = torch.Generator().manual_seed(seed), {}
        for one in self.content["inputs"]:
            name, shape = one["name"], [count if size == "N" else size for size in one["shape"]]
            if name == "y":
                value = torch.randint(self.config.num_classes, shape, generator=generator)
            elif name == "keep":
                order = torch.rand(count, self.config.tokens, generator=generator).argsort(dim=1)
                value = order[:, : shape[1]].sort(dim=1).values
            elif name == "dropped":
                value = (torch.rand(shape, generator=generator) < 0.1).float()
            elif name == "t":
                value = torch.rand(shape, generator=generator)
            elif name in ("clean", "noise", "classNoise") or name.startswith("target"):
                value = torch.randn(shape, generator=generator)
            else:
                raise KitError(f"{self.name}: first_run.py does not know how to draw the input {name}")
            made[name] = value.to(TYPES[one["type"]])
        return made


class Ours:
    """The library's step: each call is one TorchScript function, as the engine makes it."""

    loaded = {}  # functions by file

    def __init__(self, plan, device, weights):
        torch._C._set_graph_executor_optimize(False)  # as the library does
        self.plan, self.device, self.steps = plan, device, 0
        content = plan.content
        self.names, self.values, self.scalars = {}, [], []
        for weight in content["weights"]:
            key, value = weight["key"], weights[weight["key"]].clone()
            self.slot(f"weight.{key}", value.requires_grad_(weight["trained"]))
            self.slot(f"ema.{key}", value.detach().clone())
            if weight["trained"]:
                self.slot(f"exp_avg.{key}", torch.zeros_like(value, requires_grad=False))
                self.slot(f"exp_avg_sq.{key}", torch.zeros_like(value, requires_grad=False))
        self.slot("constant.decays", torch.tensor([plan.optim["ema_decay"]], dtype=torch.float64))
        for one in content["inputs"]:
            self.slot(f"input.{one['name']}", None)
        self.forward_calls = [self.prepare(call) for call in content["forward"]]
        self.update_calls = [self.prepare(call) for call in content["update"]]
        needed = {self.names[name] for name in (*content["losses"].values(), *content["gradients"].values())}
        made = {slot for _, _, results, _ in self.forward_calls for slot in results}
        made |= {self.names[f"input.{one['name']}"] for one in content["inputs"]}
        self.freed = sorted(made - needed)
        self.report = self.update_calls[-1][2]

    def slot(self, name, value=None):
        self.names[name] = len(self.values)
        self.values.append(value)
        return self.names[name]

    def prepare(self, call):
        """A function, where each argument is found, and where the results go."""
        name, texts, results = call
        function = self.plan.content["functions"][name]
        file = self.plan.kit / function["file"]
        if file not in Ours.loaded:
            Ours.loaded[file] = torch.jit.load(str(file)).eval()
        arguments = []
        if len(texts) != len(function["parameters"]):
            raise KitError(f"{self.plan.name}: {name} takes {function['parameters']} but is given {texts}")
        for text, (parameter, kind) in zip(texts, function["parameters"]):
            if kind == "List[Tensor]":
                names = text[1:-1].split(", ")
                slots = [self.known(name, parameter, one) for one in names]
                if all(self.values[slot] is not None for slot in slots):  # weights and state: the same list each time
                    arguments.append(self.slot(f"{name}:{parameter}:{len(self.values)}", [self.values[s] for s in slots]))
                else:
                    arguments.append(slots)
            elif kind == "int" and parameter == "update":
                arguments.append(self.slot(f"{name}:update:{len(self.values)}"))
                self.scalars.append(arguments[-1])
            elif kind in ("int", "float", "bool"):
                value = {"True": 1, "False": 0}.get(text) if kind == "bool" else (int if kind == "int" else float)(text)
                type_ = torch.float64 if kind == "float" else torch.int64
                arguments.append(self.slot(f"{name}:{parameter}:{len(self.values)}", torch.tensor(value, dtype=type_)))
            else:
                arguments.append(self.known(name, parameter, text))
        return Ours.loaded[file], arguments, [self.slot(result) for result in results], function["list"]

    def known(self, function, parameter, name):
        if name not in self.names:
            raise KitError(f"{self.plan.name}: {function} is given {name} for {parameter}, which nothing has made")
        return self.names[name]

    def run(self, calls):
        values = self.values
        for function, arguments, results, is_list in calls:
            out = function(*[values[a] if type(a) is int else [values[i] for i in a] for a in arguments])
            if is_list:
                for slot, value in zip(results, out):
                    values[slot] = value
            else:
                values[results[0]] = out

    def forward(self, batch):
        """Losses and gradients, by name."""
        for name, value in batch.items():
            self.values[self.names[f"input.{name}"]] = value.to(self.device)
        with torch.enable_grad():
            self.run(self.forward_calls)
        for slot in self.freed:  # the library frees a micro-batch's arrays before the update
            self.values[slot] = None

    def losses(self):
        return {part: self.values[self.names[name]].item() for part, name in self.plan.content["losses"].items()}

    def gradients(self):
        return {key: self.values[self.names[name]] for key, name in self.plan.content["gradients"].items()}

    def state(self, kind):
        return {name[len(kind) + 1:]: self.values[slot] for name, slot in self.names.items() if name.startswith(f"{kind}.")}

    def step(self, batch):
        self.forward(batch)
        self.steps += 1
        for slot in self.scalars:
            self.values[slot] = torch.tensor(self.steps)
        with torch.no_grad():
            self.run(self.update_calls)
        return [self.values[slot].tolist() for slot in self.report]  # the library reads losses and norm in each step


class Bare(SiT):
    """The reference model without its initialisation, for weights that are loaded."""

    def reset_parameters(self):
        pass


class Eager:
    """The same step as a PyTorch program would do it: autocast, fused AdamW, foreach clipping and average."""

    def __init__(self, plan, device, weights, compiled=False):
        torch._C._set_graph_executor_optimize(True)
        self.plan, self.device, self.config = plan, device, plan.config
        with torch.device(device):
            self.model = Bare(plan.config)
        missing = self.model.load_state_dict(weights, strict=False)
        if missing.missing_keys or missing.unexpected_keys:
            raise KitError(f"{plan.name}: the reference model has other weights: {missing}")
        optim = plan.optim
        self.params = {key: value for key, value in self.model.named_parameters() if value.requires_grad}
        self.all = dict(self.model.named_parameters())
        self.ema = {key: value.detach().clone() for key, value in self.all.items()}
        self.optimizer = torch.optim.AdamW(
            list(self.params.values()), lr=optim["lr"], betas=(optim["beta1"], optim["beta2"]), eps=optim["eps"],
            weight_decay=0.0, fused=True)
        self.called = torch.compile(self.model) if compiled else self.model
        self.found = None

    def model_in_float32(self, *inputs):
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.plan.bf16):
            out = self.called(*inputs)
        return Output(out.velocity.float(), [z.float() for z in out.z], None if out.cls is None else out.cls.float())

    def forward(self, batch):
        b = {name: value.to(self.device) for name, value in batch.items()}
        y = torch.where(b["dropped"] != 0, self.plan.content["null_label"], b["y"])
        targets = [b[f"target{i}"] for i in range(len(self.config.z_dims))]
        self.found = training_loss(
            self.model_in_float32, b["clean"], b["noise"], b["t"], y, targets, b.get("keep"), b.get("classNoise"),
            beta=self.plan.content["beta"], coeff=self.plan.content["coeff"], config=self.config)
        self.optimizer.zero_grad(set_to_none=True)
        self.found.total.backward()

    def losses(self):
        found = self.found
        parts = {"total": found.total, "velocity": found.velocity, "class": found.cls, "align": found.align}
        return {part: value.item() for part, value in parts.items()}

    def gradients(self):
        return {key: value.grad for key, value in self.params.items()}

    def state(self, kind):
        return {"weight": self.all, "ema": self.ema}[kind]

    def update(self):
        torch.nn.utils.clip_grad_norm_(list(self.params.values()), self.plan.optim["clip_norm"], foreach=True)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.values()), list(self.all.values()), 1 - self.plan.optim["ema_decay"])

    def step(self, batch):
        self.forward(batch)
        self.update()
