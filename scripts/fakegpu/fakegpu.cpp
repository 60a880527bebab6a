// A pretended GPU for libtorch's CPU build: tensors of the device "cuda" whose bytes lie in host memory.
//
// Every operator that has a kernel for the CPU gets one for CUDA: it runs the CPU's kernel on twins, which are CPU tensors over
// the same bytes, and gives the results back as tensors of the GPU. What libtorch composes of other operators stays composed, so
// that counts are those of a GPU. Refused is what CUDA refuses: operations over arrays of two devices.
#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace {
using at::Tensor;
using c10::Device;
using c10::DeviceIndex;
using c10::DeviceType;
using c10::DispatchKey;
using c10::DispatchKeySet;
using c10::IValue;
using c10::Storage;
using c10::Stream;
constexpr DeviceType GPU = DeviceType::CUDA;

// ---- counts: the order of the totals is that of DeviceCounts.java
enum Total {
  OPERATIONS, CASTS, VIEWS, ALLOCATIONS, IN_PLACE,
  H2D, H2D_BYTES, H2D_ASYNC, H2D_ASYNC_BYTES, D2H, D2H_BYTES, D2D, READS, TOTALS
};
const char* const totalNames[TOTALS] = {"= operations", "= casts among them", "= views", "= allocations", "= operations in place",
  "= host to device, waiting", "= bytes", "= host to device, not waiting", "= bytes", "= device to host", "= bytes",
  "= device to another device", "= value reads"};

// A line for each total and each name. With FAKEGPU_REPORT=FILE they are also the file's lines at any moment, since a JVM that
// halts runs nothing at its end.
class Counts {
  struct Row {
    std::string name;
    int64_t times, bytes;
  };
  static constexpr size_t WIDTH = 120, MOST = 4000;
  std::mutex lock;
  std::vector<Row> rows;
  std::unordered_map<std::string, size_t> places;
  int file = -1;
  char* shown = nullptr;

  static std::string line(const Row& row) {
    char text[WIDTH + 1];
    std::snprintf(text, sizeof text, "%9ld %15ld  %-*.*s\n", row.times, row.bytes, int(WIDTH - 28), int(WIDTH - 28), row.name.c_str());
    return text;
  }
  void show(size_t row) {
    if (shown && row < MOST) line(rows[row]).copy(shown + row * WIDTH, WIDTH);
  }
  size_t place(const std::string& name) {
    auto found = places.emplace(name, rows.size());
    if (found.second) {
      rows.push_back({name, 0, 0});
      if (shown && ftruncate(file, static_cast<off_t>(rows.size() * WIDTH)) != 0) shown = nullptr;
    }
    return found.first->second;
  }

 public:
  Counts() {
    const char* set = std::getenv("FAKEGPU_REPORT");
    if (set) {
      std::string path = set;
      size_t pid = path.find("%p");
      if (pid != std::string::npos) path.replace(pid, 2, std::to_string(getpid()));
      unlink(path.c_str()); // another process may have the old one mapped
      file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
      void* mapped = file < 0 ? MAP_FAILED : mmap(nullptr, WIDTH * MOST, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (mapped == MAP_FAILED) std::fprintf(stderr, "fakegpu: cannot write %s\n", path.c_str());
      else shown = static_cast<char*>(mapped);
    }
    for (int i = 0; i < TOTALS; i++) {
      rows.push_back({totalNames[i], 0, 0});
      if (shown && ftruncate(file, static_cast<off_t>(rows.size() * WIDTH)) != 0) shown = nullptr;
      show(rows.size() - 1);
    }
  }
  void add(const std::string& name, std::initializer_list<Total> kinds, int64_t bytes = 0) {
    std::lock_guard<std::mutex> held(lock);
    size_t row = place(name);
    rows[row].times++;
    rows[row].bytes += bytes;
    show(row);
    for (Total kind : kinds) {
      rows[kind].times += kind == H2D_BYTES || kind == H2D_ASYNC_BYTES || kind == D2H_BYTES ? bytes : 1;
      show(kind);
    }
  }
  void reset() {
    std::lock_guard<std::mutex> held(lock);
    for (size_t i = 0; i < rows.size(); i++) {
      rows[i].times = rows[i].bytes = 0;
      show(i);
    }
  }
  void copyTotals(int64_t* out) {
    std::lock_guard<std::mutex> held(lock);
    for (int i = 0; i < TOTALS; i++) out[i] = rows[static_cast<size_t>(i)].times;
  }
  std::string report() {
    std::lock_guard<std::mutex> held(lock);
    std::string text;
    for (const Row& row : rows) text += row.times ? line(row) : "";
    return text;
  }
};
Counts& counts() {
  static auto* all = new Counts();
  return *all;
}

void count(const std::string& name, std::initializer_list<Total> kinds, int64_t bytes = 0) { counts().add(name, kinds, bytes); }

// ---- devices, streams, events: everything has happened when a call returns
DeviceIndex gpus() {
  const char* set = std::getenv("FAKEGPU_DEVICES");
  return static_cast<DeviceIndex>(set ? std::atoi(set) : 1);
}
thread_local DeviceIndex current = 0;

struct Guard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return GPU; }
  Device exchangeDevice(Device to) const override {
    Device from(GPU, current);
    current = to.index();
    return from;
  }
  Device getDevice() const override { return Device(GPU, current); }
  void setDevice(Device to) const override { current = to.index(); }
  void uncheckedSetDevice(Device to) const noexcept override { current = to.index(); }
  Stream getStream(Device d) const noexcept override { return Stream(Stream::DEFAULT, d); }
  Stream getDefaultStream(Device d) const override { return Stream(Stream::DEFAULT, d); }
  Stream getStreamFromGlobalPool(Device d, bool) const override { return Stream(Stream::DEFAULT, d); }
  Stream exchangeStream(Stream s) const noexcept override { return s; }
  DeviceIndex deviceCount() const noexcept override { return gpus(); }
  void record(void**, const Stream&, const DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const Stream&) const override { return true; }
  void synchronizeStream(const Stream&) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard);

// ---- memory
void dropTwin(void* twin) { delete static_cast<Storage*>(twin); }

c10::DataPtr over(const Storage& host, Device device) {
  return c10::DataPtr(host.mutable_data(), new Storage(host), &dropTwin, device);
}

struct GpuMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    return over(Storage(Storage::use_byte_size_t(), bytes, c10::GetCPUAllocator(), true), Device(GPU, current));
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} gpuMemory;

std::mutex pinnedLock;

struct PinnedMemory final : c10::Allocator {
  static std::map<const char*, size_t>& ranges() {
    static auto* all = new std::map<const char*, size_t>();
    return *all;
  }
  static void drop(void* memory) {
    {
      std::lock_guard<std::mutex> held(pinnedLock);
      ranges().erase(static_cast<char*>(memory));
    }
    c10::free_cpu(memory);
  }
  static bool holds(const void* address) {
    std::lock_guard<std::mutex> held(pinnedLock);
    auto next = ranges().upper_bound(static_cast<const char*>(address));
    if (next == ranges().begin()) return false;
    --next;
    return static_cast<const char*>(address) < next->first + next->second;
  }
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, Device(DeviceType::CPU)};
    void* memory = c10::alloc_cpu(bytes);
    std::lock_guard<std::mutex> held(pinnedLock);
    ranges()[static_cast<char*>(memory)] = bytes;
    return {memory, memory, &drop, Device(DeviceType::CPU)};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} pinnedMemory;

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void initCUDA() const override {}
  bool hasCUDA() const override { return gpus() > 0; }
  bool hasCUDART() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex current_device() const override { return current; }
  int getNumGPUs() const override { return gpus(); }
  void deviceSynchronize(DeviceIndex) const override {}
  Device getDeviceFromPtr(void*) const override { return Device(GPU, current); }
  bool isPinnedPtr(const void* address) const override { return PinnedMemory::holds(address); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinnedMemory; }
  c10::Allocator* getCUDADeviceAllocator() const override { return &gpuMemory; }
  const at::Generator& getDefaultCUDAGenerator(DeviceIndex) const override {
    static const at::Generator own = at::detail::createCPUGenerator();
    return own;
  }
};
} // namespace

namespace at {
using FakeHooks = Hooks;
C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", FakeHooks)
} // namespace at

namespace {
// ---- twins
Storage twinOf(const Storage& storage) {
  TORCH_CHECK(storage.data_ptr().get_deleter() == &dropTwin, "fakegpu: memory that the pretended GPU did not make");
  return *static_cast<Storage*>(storage.data_ptr().get_context());
}

Tensor shapedAs(const Tensor& like, Tensor made) {
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  if (like.unsafeGetTensorImpl()->is_wrapped_number()) made.unsafeGetTensorImpl()->set_wrapped_number(true);
  return made;
}

Tensor tensorOver(Storage storage, const Tensor& like, DispatchKey key) {
  return shapedAs(like, at::detail::make_tensor<c10::TensorImpl>(std::move(storage), DispatchKeySet(key), like.dtype()));
}

bool isOnGpu(const Tensor& t) { return t.defined() && t.device().type() == GPU; }

// The arrays of one call: those of the GPU, and their twins.
struct Call {
  std::vector<std::pair<Tensor, Tensor>> pairs;
  Device device{GPU, current};

  Tensor toHost(const Tensor& t) {
    if (!isOnGpu(t)) return t;
    for (auto& pair : pairs) if (pair.first.is_same(t)) return pair.second;
    pairs.emplace_back(t, tensorOver(twinOf(t.storage()), t, DispatchKey::CPU));
    return pairs.back().second;
  }

  const Tensor* argumentOver(const Storage& host) {
    for (auto& pair : pairs) if (twinOf(pair.first.storage()).is_alias_of(host)) return &pair.first;
    return nullptr;
  }

  Storage storageFor(const Storage& host) {
    if (const Tensor* argument = argumentOver(host)) return argument->storage();
    return Storage(Storage::use_byte_size_t(), host.nbytes(), over(host, device), &gpuMemory, true);
  }

  Tensor toGpu(const Tensor& t) {
    if (!t.defined() || isOnGpu(t)) return t;
    for (auto& pair : pairs) if (pair.second.is_same(t)) return pair.first;
    if (const Tensor* base = argumentOver(t.storage())) { // a view is of its base's kind, in inference mode too
      return shapedAs(t, at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, Storage(base->storage()), base->key_set(), t.dtype()));
    }
    return tensorOver(storageFor(t.storage()), t, DispatchKey::CUDA);
  }

  // What resize_, set_ and results given as arguments change of an array
  void follow() {
    for (auto& pair : pairs) {
      auto* own = pair.first.unsafeGetTensorImpl();
      const Tensor& twin = pair.second;
      Storage storage = pair.first.storage();
      if (!twinOf(storage).is_alias_of(twin.storage())) {
        own->set_storage_keep_dtype(storageFor(twin.storage()));
      } else if (storage.data() != twin.storage().data() || storage.nbytes() != twin.storage().nbytes()) {
        storage.set_data_ptr_noswap(over(twin.storage(), storage.device()));
        storage.set_nbytes(twin.storage().nbytes());
      }
      if (own->sizes() != twin.sizes() || own->strides() != twin.strides() || own->storage_offset() != twin.storage_offset()) {
        own->set_sizes_and_strides(twin.sizes(), twin.strides(), twin.storage_offset());
      }
    }
  }
};

Tensor& copy(Tensor& to, const Tensor& from, bool nonBlocking) {
  if (to.is_same(from)) return to;
  Call call;
  bool cast = to.scalar_type() != from.scalar_type();
  auto bytes = static_cast<int64_t>(to.nbytes());
  const Tensor& host = to.is_cpu() ? to : from;
  bool waits = !nonBlocking || !PinnedMemory::holds(host.storage().data());
  if (from.is_cpu() && waits) count("copy from host, waiting", {H2D, H2D_BYTES}, bytes);
  else if (from.is_cpu()) count("copy from host", {H2D_ASYNC, H2D_ASYNC_BYTES}, bytes);
  else if (to.is_cpu()) count(waits ? "copy to host, waiting" : "copy to host", {D2H, D2H_BYTES}, bytes);
  else if (to.device() != from.device()) count("copy to another device", {D2D}, bytes);
  else if (cast) count(std::string("cast ") + toString(from.scalar_type()) + " to " + toString(to.scalar_type()), {OPERATIONS, CASTS});
  else count("aten::copy_", {OPERATIONS});
  at::AutoDispatchBelowADInplaceOrView below;
  call.toHost(to).copy_(call.toHost(from));
  return to;
}

template <class Change>
void changeTensors(IValue& value, Change change) {
  if (value.isTensor()) {
    value = IValue(change(value.toTensor()));
  } else if (value.isTensorList()) {
    std::vector<Tensor> changed;
    for (const Tensor& t : value.toTensorVector()) changed.push_back(change(t));
    value = IValue(std::move(changed));
  } else if (value.isList()) { // a new list: the caller keeps the old one
    auto changed = value.toList().copy();
    for (size_t i = 0; i < changed.size(); i++) {
      IValue element = changed.get(i);
      if (element.isTensor()) changed.set(i, IValue(change(element.toTensor())));
    }
    value = IValue(std::move(changed));
  }
}

bool isOneOf(const std::string& name, std::initializer_list<const char*> names) {
  for (const char* other : names) if (name == other) return true;
  return false;
}

void countCall(const c10::FunctionSchema& schema, const std::string& name, bool asks) {
  const std::string& plain = schema.name();
  const auto& returns = schema.returns();
  bool view = !returns.empty() && returns[0].alias_info() && !returns[0].alias_info()->isWrite();
  bool writes = false;
  for (const auto& argument : schema.arguments()) writes |= argument.alias_info() && argument.alias_info()->isWrite();
  if (isOneOf(plain, {"aten::empty", "aten::empty_strided"})) count(name, {ALLOCATIONS});
  else if (view || isOneOf(plain, {"aten::set_", "aten::resize_"})) count(name, {VIEWS});
  else if (plain == "aten::_local_scalar_dense") count(name, {READS});
  else if (asks) count(name, {OPERATIONS, READS}); // the size of the result, or the answer, is read
  else if (writes && plain.back() == '_') count(name, {OPERATIONS, IN_PLACE});
  else count(name, {OPERATIONS});
}

// The kernel of every operator
void runOnTwins(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  std::string name = schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name());
  bool index = isOneOf(schema.name(), {"aten::index", "aten::index_put_", "aten::_index_put_impl_"});
  bool asks = isOneOf(schema.name(), {"aten::nonzero", "aten::equal", "aten::masked_select", "aten::_unique", "aten::_unique2",
    "aten::unique_dim", "aten::unique_consecutive", "aten::repeat_interleave", "aten::bincount"});
  size_t begin = stack->size() - schema.arguments().size();
  Call call;
  bool gpu = false, host = false, namesHost = false, sameType = true;
  c10::optional<at::ScalarType> type;
  auto look = [&](const Tensor& t) {
    if (t.defined()) {
      sameType &= !type || *type == t.scalar_type();
      type = t.scalar_type();
    }
    if (isOnGpu(t)) {
      TORCH_CHECK(!gpu || t.device() == call.device, "Expected all tensors to be on the same device, but found at least two"
        " devices, ", call.device, " and ", t.device(), "! (", name, ")");
      gpu = true;
      call.device = t.device();
      asks |= index && (t.scalar_type() == at::kBool) && schema.name() == "aten::index";
    } else if (t.defined() && t.dim() > 0) {
      host = true;
      if (index) count("index from the host, " + name, {H2D, H2D_BYTES}, static_cast<int64_t>(t.nbytes()));
    }
    return t;
  };
  for (size_t i = begin; i < stack->size(); i++) {
    IValue& value = (*stack)[i];
    changeTensors(value, look);
    if (!value.isDevice()) continue;
    if (value.toDevice().type() != GPU) namesHost = true;
    else if (value.toDevice().has_index()) call.device = value.toDevice();
  }
  if (schema.name() == "aten::_foreach_copy_" && (host || !sameType)) { // one after the other, as on a GPU
    auto to = (*stack)[begin].toTensorVector(), from = (*stack)[begin + 1].toTensorVector();
    for (size_t i = 0; i < to.size(); i++) copy(to[i], from[i], (*stack)[begin + 2].toBool());
    torch::jit::drop(*stack, schema.arguments().size());
    return;
  }
  TORCH_CHECK(!host || !gpu || index, "Expected all tensors to be on the same device, but found at least two devices, ",
    call.device, " and cpu! (", name, ")");
  countCall(schema, name, asks);
  for (size_t i = begin; i < stack->size(); i++) {
    IValue& value = (*stack)[i];
    changeTensors(value, [&](const Tensor& t) { return call.toHost(t); });
    if (value.isDevice()) value = IValue(Device(DeviceType::CPU));
    else if (value.isStorage()) value = IValue(twinOf(value.toStorage()));
  }
  {
    at::AutoDispatchBelowADInplaceOrView below;
    op.redispatchBoxed(DispatchKeySet(DispatchKey::CPU), stack);
  }
  call.follow();
  if (namesHost) return;
  for (size_t i = stack->size() - schema.returns().size(); i < stack->size(); i++) {
    changeTensors((*stack)[i], [&](const Tensor& t) { return call.toGpu(t); });
  }
}

bool isPinned(const Tensor& t, c10::optional<Device>) { return t.is_cpu() && PinnedMemory::holds(t.storage().data()); }

Tensor pin(const Tensor& t, c10::optional<Device>) {
  size_t bytes = at::detail::computeStorageNbytes(t.sizes(), t.strides(), t.dtype().itemsize());
  Storage storage(Storage::use_byte_size_t(), bytes, pinnedMemory.allocate(bytes), &pinnedMemory, false);
  return at::empty({0}, t.options()).set_(storage, 0, t.sizes(), t.strides()).copy_(t);
}

// One kernel where the CPU has one, as on a GPU; the choice is the CPU's.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const c10::optional<Tensor>& mask, double dropout, bool causal,
    c10::optional<double> scale) {
  Call call;
  c10::optional<Tensor> hostMask = mask.has_value() ? c10::optional<Tensor>(call.toHost(*mask)) : mask;
  int64_t choice = at::_fused_sdp_choice(call.toHost(q), call.toHost(k), call.toHost(v), hostMask, dropout, causal, scale);
  if (choice == 1) return std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, dropout, causal, mask, scale));
  return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v, mask, dropout, causal, c10::nullopt, scale));
}
} // namespace

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  c10::SetAllocator(GPU, &gpuMemory);
  static const std::unordered_set<std::string> one = {"aten::convolution", "aten::convolution_backward"}; // one call of cuDNN
  static const std::unordered_set<std::string> own = {"aten::copy_", "aten::is_pinned", "aten::_pin_memory",
    "aten::_fused_sdp_choice", "aten::scaled_dot_product_attention"};
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
    auto op = c10::Dispatcher::singleton().findSchema(name);
    bool foreach = name.name.rfind("aten::_foreach_", 0) == 0;
    if (!op || name.name.rfind("aten::", 0) != 0 || own.count(name.name)
        || !(op->hasKernelForDispatchKey(DispatchKey::CPU) || foreach || one.count(name.name))) continue;
    std::string full = name.name.substr(6) + (name.overload_name.empty() ? "" : "." + name.overload_name);
    m.impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&runOnTwins>());
  }
  m.impl("copy_", TORCH_FN(copy));
  m.impl("is_pinned", TORCH_FN(isPinned));
  m.impl("_pin_memory", TORCH_FN(pin));
  m.impl("scaled_dot_product_attention", TORCH_FN(attention));
}

TORCH_LIBRARY_IMPL(aten, AutogradCUDA, m) { m.impl("scaled_dot_product_attention", TORCH_FN(attention)); }

// ---- for DeviceCounts.java
extern "C" void fakegpu_reset() { counts().reset(); }

extern "C" void fakegpu_totals(int64_t* out) { counts().copyTotals(out); }

// Returns the length of the table; writes as much of it as there is room for.
extern "C" int fakegpu_report(char* out, int room) {
  std::string text = counts().report();
  std::snprintf(out, static_cast<size_t>(room), "%s", text.c_str());
  return static_cast<int>(text.size());
}
