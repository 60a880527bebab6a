/* Stands in for NCCL and the CUDA runtime where there is no GPU: host memory instead of a device's, and other ranks
   that always have the same numbers as this one. Writes down every call. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct { char internal[128]; } ncclUniqueId;
struct group { int size, rank; };

static FILE *calls;
static struct group group;
static int failing;

void fake_open(const char *path) { calls = fopen(path, "w"); setvbuf(calls, NULL, _IOLBF, BUFSIZ); failing = 0; }
void fake_fail(int code) { failing = code; }

int cudaSetDevice(int device) { fprintf(calls, "cudaSetDevice %d\n", device); return 0; }
int cudaDeviceGetPCIBusId(char *text, int room, int device) {
  return snprintf(text, (size_t) room, "0000:%02X:00.0", 0x3b + device) >= room;
}
int cudaStreamSynchronize(void *stream) { fprintf(calls, "synchronise %p\n", stream); return 0; }
const char *cudaGetErrorString(int code) { (void) code; return "cuda error"; }
const char *ncclGetErrorString(int code) { return code == 6 ? "remote process exited" : "nccl error"; }
int ncclGetVersion(int *version) { *version = 22005; return 0; }

int ncclGetUniqueId(ncclUniqueId *id) {
  for (int i = 0; i < 128; i++) id->internal[i] = (char) (i * 7 + 1);
  fprintf(calls, "id\n");
  return 0;
}

int ncclCommInitRank(void **comm, int size, ncclUniqueId id, int rank) {
  unsigned sum = 0;
  for (int i = 0; i < 128; i++) sum = sum * 31 + (unsigned char) id.internal[i];
  group.size = size;
  group.rank = rank;
  *comm = &group;
  fprintf(calls, "join %d %d %u\n", size, rank, sum);
  return failing;
}

int ncclAllReduce(const void *from, void *to, size_t count, int type, int op, void *comm, void *stream) {
  struct group *g = comm;
  fprintf(calls, "sum %zu type %d op %d in-place %d stream %p\n", count, type, op, from == to, stream);
  for (size_t i = 0; i < count; i++) {
    if (type == 7) ((float *) to)[i] = ((const float *) from)[i] * (float) g->size;
    if (type == 8) ((double *) to)[i] = ((const double *) from)[i] * g->size;
    if (type == 4) ((int64_t *) to)[i] = ((const int64_t *) from)[i] * g->size;
  }
  return failing;
}

int ncclBroadcast(const void *from, void *to, size_t count, int type, int root, void *comm, void *stream) {
  (void) comm;
  fprintf(calls, "broadcast %zu type %d root %d in-place %d stream %p\n", count, type, root, from == to, stream);
  return 0;
}

int ncclAllGather(const void *from, void *to, size_t count, int type, void *comm, void *stream) {
  struct group *g = comm;
  fprintf(calls, "gather %zu type %d stream %p\n", count, type, stream);
  for (int i = 0; i < g->size; i++) memcpy((char *) to + (size_t) i * count, from, count);
  return 0;
}

int ncclCommDestroy(void *comm) { fprintf(calls, "leave %d\n", comm == &group); return 0; }
