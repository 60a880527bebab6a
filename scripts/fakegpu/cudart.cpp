// The part of CUDA's runtime library that DJL asks for devices: as many as FAKEGPU_DEVICES says (1).
#include <cstdlib>

extern "C" {
int cudaGetDeviceCount(int* count) {
  const char* set = std::getenv("FAKEGPU_DEVICES");
  *count = set ? std::atoi(set) : 1;
  return 0;
}
int cudaRuntimeGetVersion(int* version) {
  *version = 12010;
  return 0;
}
int cudaDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0; // compute capability 9.0
  return 0;
}
int cudaMemGetInfo(size_t* free, size_t* total) {
  *free = 60ull << 30;
  *total = 80ull << 30;
  return 0;
}
int cudaSetDevice(int) { return 0; }
int cudaGetDevice(int* device) {
  *device = 0;
  return 0;
}
const char* cudaGetErrorString(int) { return "an error of the pretended GPU"; }
}
