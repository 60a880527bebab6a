package io.github.maskalign.core.engine.internal;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;

/**
 * Where the elements of an array lie, on the CPU or on a GPU, for libraries that compute in place.
 *
 * <p>DJL has no call for it on a GPU. libtorch exports {@code at::TensorBase::data_ptr<T>()}, and a DJL array is a
 * handle of such a tensor; the way is tested against a known address before it is used.
 */
public final class TensorAddress {
    private final NativeLibrary torch;

    private TensorAddress(NativeLibrary torch) {
        this.torch = torch;
    }

    /**
     * Finds the way to addresses.
     *
     * @param manager of the PyTorch engine, for a small array that the way is tested with
     * @throws EngineException if the engine's library is not found, lacks the function or gives another address
     */
    public static TensorAddress open(NDManager manager) {
        try (NDManager host = manager.newSubManager(Device.cpu())) {
            NDArray known = host.ones(new Shape(2), DataType.FLOAT32); // loads the engine
            Path file = LoadedLibraries.find("libtorch_cpu.so")
                    .orElseThrow(() -> new EngineException("the loaded libtorch_cpu.so was not found"));
            TensorAddress addresses = new TensorAddress(NativeLibrary.getInstance(file.toString()));
            Pointer expected = Native.getDirectBufferPointer(known.toByteBuffer(true));
            Pointer found = addresses.of(known);
            if (!expected.equals(found)) {
                throw new EngineException(
                        "the engine places arrays in another way than expected: " + found + " and not " + expected);
            }
            return addresses;
        } catch (UnsatisfiedLinkError e) {
            throw new EngineException("this libtorch does not export the addresses of arrays", e);
        }
    }

    /**
     * Returns the address of the first element; on a GPU it must not be read or written from Java.
     *
     * <p>It is valid while the array is open.
     *
     * @throws IllegalArgumentException for types other than FLOAT32, FLOAT64, INT64, INT32, INT8 and UINT8, and for
     *     arrays that are not contiguous
     */
    public Pointer of(NDArray array) {
        Pointer first = dataPointer(array);
        if (array.getShape().dimension() > 1) {
            try (NDArray flat = array.reshape(-1)) { // a view, unless the elements have to be brought together
                if (!first.equals(dataPointer(flat))) {
                    throw new IllegalArgumentException("only a contiguous array has one address but " + array.getShape()
                            + " is a view with other strides");
                }
            }
        }
        return first;
    }

    private Pointer dataPointer(NDArray array) {
        Function function = torch.getFunction("_ZNK2at10TensorBase8data_ptrI" + code(array.getDataType()) + "EEPT_v");
        long handle = ((PtNDArray) array).getHandle();
        return function.invokePointer(new Object[] {new Pointer(handle)});
    }

    /** The letter by which C++ compilers name an element type in symbols. */
    private static char code(DataType type) {
        return switch (type) {
            case FLOAT32 -> 'f';
            case FLOAT64 -> 'd';
            case INT64 -> 'l';
            case INT32 -> 'i';
            case INT8 -> 'a';
            case UINT8 -> 'h';
            default -> throw new IllegalArgumentException("arrays of type " + type + " have no address here");
        };
    }
}
