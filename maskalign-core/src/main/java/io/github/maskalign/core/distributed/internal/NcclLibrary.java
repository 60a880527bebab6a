package io.github.maskalign.core.distributed.internal;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.engine.internal.LoadedLibraries;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The functions of NCCL and of the CUDA runtime that are needed.
 *
 * <p>PyTorch's CUDA natives have NCCL inside {@code libtorch_cuda.so} and export it; a {@code libnccl.so.2} of the
 * system is the second choice. The CUDA runtime must be the one that the engine has loaded.
 */
public final class NcclLibrary {
    /** Bytes of an {@code ncclUniqueId}. */
    public static final int ID_BYTES = 128;

    private static final int SUCCESS = 0;

    /** NCCL's answer while work goes on, which is no error. */
    private static final int IN_PROGRESS = 7;

    private static final String NCCL_TEXT = "ncclGetErrorString";
    private static final String CUDA_TEXT = "cudaGetErrorString";

    /** {@code cudaStreamNonBlocking}, {@code cudaEventDisableTiming}, {@code cudaMemcpyHostToDevice} and back. */
    private static final int NON_BLOCKING = 1;

    private static final int NO_TIMING = 2;
    private static final int TO_DEVICE = 1;
    private static final int TO_HOST = 2;

    /** NCCL's answer when two ranks of a group have the same GPU, among other mistakes. */
    private static final int INVALID_USAGE = 5;

    /** Room for the address of a GPU. */
    private static final int ADDRESS_BYTES = 32;

    private final NativeLibrary nccl;
    private final NativeLibrary cuda;

    /** An {@code ncclUniqueId}, which travels by value. JNA wants the field to be public. */
    @Structure.FieldOrder("internal")
    public static final class UniqueId extends Structure implements Structure.ByValue {
        /** Its bytes. */
        public byte[] internal = new byte[ID_BYTES];
    }

    /** Element types by their numbers in {@code nccl.h}. */
    public enum Type {
        UINT8(1),
        INT64(4),
        FLOAT32(7),
        FLOAT64(8);

        private final int number;

        Type(int number) {
            this.number = number;
        }

        public static Type of(SummedType type) {
            return switch (type) {
                case FLOAT32 -> FLOAT32;
                case FLOAT64 -> FLOAT64;
                case INT64 -> INT64;
            };
        }
    }

    public NcclLibrary(NativeLibrary nccl, NativeLibrary cuda) {
        this.nccl = nccl;
        this.cuda = cuda;
    }

    /**
     * Finds both libraries.
     *
     * @throws CommunicationException if one is missing
     */
    public static NcclLibrary load() {
        return new NcclLibrary(
                open("ncclCommInitRank", "libtorch_cuda.so", "libnccl.so.2", "libnccl.so"),
                open("cudaSetDevice", "libcudart", "libcudart.so.12", "libcudart.so"));
    }

    /** Opens the loaded library whose name begins so, or one of the system. */
    public static NativeLibrary open(String function, String loaded, String... names) {
        List<String> candidates = new ArrayList<>();
        LoadedLibraries.find(loaded).map(Path::toString).ifPresent(candidates::add);
        candidates.addAll(List.of(names));
        for (String name : candidates) {
            try {
                NativeLibrary library = LastingLibrary.open(name, Map.of());
                library.getFunction(function);
                return library;
            } catch (UnsatisfiedLinkError e) {
                // the next one
            }
        }
        throw new CommunicationException("no library with " + function + " was found among " + candidates
                + "; GPUs of several ranks need the CUDA natives (profile cuda) or an installed NCCL");
    }

    public void setDevice(int device) {
        callCuda("cudaSetDevice", device);
    }

    /** Returns the address of a GPU on its machine, such as {@code 0000:3B:00.0}. */
    public String address(int device) {
        Memory text = new Memory(ADDRESS_BYTES);
        text.clear();
        callCuda("cudaDeviceGetPCIBusId", text, ADDRESS_BYTES, device);
        return text.getString(0);
    }

    /** Makes a stream that does not wait for the default one, nor the default one for it. */
    public Pointer stream() {
        PointerByReference stream = new PointerByReference();
        callCuda("cudaStreamCreateWithFlags", stream, NON_BLOCKING);
        return stream.getValue();
    }

    /** Makes a mark that can be set into a stream's work. */
    public Pointer event() {
        PointerByReference event = new PointerByReference();
        callCuda("cudaEventCreateWithFlags", event, NO_TIMING);
        return event.getValue();
    }

    /** Sets the mark behind all that the default stream, which is the engine's, was given so far. */
    public void mark(Pointer event) {
        callCuda("cudaEventRecord", event, Pointer.NULL);
    }

    /** Lets what a stream is given from now on wait for a mark; the mark may be set anew at once. */
    public void waitFor(Pointer stream, Pointer event) {
        callCuda("cudaStreamWaitEvent", stream, event, 0);
    }

    /** Waits for all that a stream has to do. */
    public void synchronise(Pointer stream) {
        callCuda("cudaStreamSynchronize", stream);
    }

    public void destroyStream(Pointer stream) {
        callCuda("cudaStreamDestroy", stream);
    }

    public void destroyEvent(Pointer event) {
        callCuda("cudaEventDestroy", event);
    }

    /** Returns new memory of the device, which is not the engine's. */
    public Pointer allocate(long bytes) {
        PointerByReference memory = new PointerByReference();
        callCuda("cudaMalloc", memory, bytes);
        return memory.getValue();
    }

    public void free(Pointer memory) {
        callCuda("cudaFree", memory);
    }

    public void toDevice(Pointer device, Pointer host, long bytes, Pointer stream) {
        callCuda("cudaMemcpyAsync", device, host, bytes, TO_DEVICE, stream);
    }

    public void toHost(Pointer host, Pointer device, long bytes, Pointer stream) {
        callCuda("cudaMemcpyAsync", host, device, bytes, TO_HOST, stream);
    }

    public String version() {
        IntByReference number = new IntByReference();
        call("ncclGetVersion", number);
        int v = number.getValue(); // 22005 is 2.20.5
        return "NCCL " + v / 10_000 + "." + v / 100 % 100 + "." + v % 100;
    }

    public byte[] uniqueId() {
        UniqueId id = new UniqueId();
        id.write();
        call("ncclGetUniqueId", id.getPointer());
        id.read();
        return id.internal;
    }

    public Pointer join(int size, byte[] idBytes, int rank) {
        UniqueId id = new UniqueId();
        System.arraycopy(idBytes, 0, id.internal, 0, ID_BYTES);
        PointerByReference group = new PointerByReference();
        call("ncclCommInitRank", group, size, id, rank);
        return group.getValue();
    }

    /** Begins a batch: the calls of this thread up to {@link #endBatch} start together. */
    public void beginBatch() {
        call("ncclGroupStart");
    }

    public void endBatch() {
        call("ncclGroupEnd");
    }

    public void sum(Pointer elements, long count, Type type, Pointer group, Pointer stream) {
        call("ncclAllReduce", elements, elements, count, type.number, 0, group, stream);
    }

    public void broadcast(Pointer elements, long bytes, int root, Pointer group, Pointer stream) {
        call("ncclBroadcast", elements, elements, bytes, Type.UINT8.number, root, group, stream);
    }

    public void gather(Pointer mine, Pointer all, long bytes, Pointer group, Pointer stream) {
        call("ncclAllGather", mine, all, bytes, Type.UINT8.number, group, stream);
    }

    /**
     * Returns what has gone wrong in a group since it was joined, such as a peer that is gone; empty if nothing has.
     * May be called while another thread waits for the group.
     */
    public Optional<String> error(Pointer group) {
        IntByReference found = new IntByReference();
        call("ncclCommGetAsyncError", group, found);
        int code = found.getValue();
        return code == SUCCESS || code == IN_PROGRESS ? Optional.empty() : Optional.of(text(nccl, NCCL_TEXT, code));
    }

    public void leave(Pointer group) {
        call("ncclCommDestroy", group);
    }

    private void call(String name, Object... arguments) {
        check(nccl, name, NCCL_TEXT, arguments);
    }

    private void callCuda(String name, Object... arguments) {
        check(cuda, name, CUDA_TEXT, arguments);
    }

    private static void check(NativeLibrary library, String name, String describe, Object... arguments) {
        int code;
        try {
            code = library.getFunction(name).invokeInt(arguments);
        } catch (UnsatisfiedLinkError e) {
            throw new CommunicationException(library.getName() + " has no function " + name, e);
        }
        if (code != SUCCESS) {
            String hint = code == INVALID_USAGE && name.equals("ncclCommInitRank")
                    ? "; so it ends when two ranks use the same GPU: " + GpuPlace.ADVICE
                    : "";
            throw new CommunicationException(name + " failed: " + text(library, describe, code) + hint);
        }
    }

    private static String text(NativeLibrary library, String describe, int code) {
        return library.getFunction(describe).invokeString(new Object[] {code}, false) + " (" + code + ")";
    }
}
