/* Stands in for NCCL and the CUDA runtime where there is no GPU: host memory instead of a device's, and other ranks
   that always have the same numbers as this one. Writes down every call. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char internal[128]; } ncclUniqueId;
struct group { int size, rank; };

static FILE *calls;
static struct group group;
static int failing;
static volatile int trouble; /* what ncclCommGetAsyncError finds; while it is set, a sum does not end */

void fake_open(const char *path) { calls = fopen(path, "w"); setvbuf(calls, NULL, _IOLBF, BUFSIZ); failing = 0; trouble = 0; }
void fake_fail(int code) { failing = code; }
void fake_trouble(int code) { trouble = code; }
long fake_events(void);

int cudaSetDevice(int device) { fprintf(calls, "cudaSetDevice %d\n", device); return 0; }
int cudaDeviceGetPCIBusId(char *text, int room, int device) {
  return snprintf(text, (size_t) room, "0000:%02X:00.0", 0x3b + device) >= room;
}
int cudaStreamSynchronize(void *stream) { fprintf(calls, "synchronise %p\n", stream); return 0; }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
  *stream = (void *) 0x50;
  fprintf(calls, "stream flags %u\n", flags);
  return 0;
}
int cudaStreamDestroy(void *stream) { fprintf(calls, "stream %p ends\n", stream); return 0; }
static long events;
int cudaEventCreateWithFlags(void **event, unsigned flags) { *event = (void *) (0xe0 + events++); return flags != 2; }
int cudaEventDestroy(void *event) { (void) event; events--; return 0; }
long fake_events(void) { return events; }
int cudaEventRecord(void *event, void *stream) { fprintf(calls, "mark %p in %p\n", event, stream); return 0; }
int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) {
  fprintf(calls, "%p waits for %p\n", stream, event);
  return (int) flags;
}
int cudaMalloc(void **memory, size_t bytes) { *memory = malloc(bytes); return *memory == NULL; }
int cudaFree(void *memory) { free(memory); return 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  fprintf(calls, "copy %zu kind %d stream %p\n", bytes, kind, stream);
  memcpy(to, from, bytes);
  return 0;
}
const char *cudaGetErrorString(int code) { (void) code; return "cuda error"; }
const char *ncclGetErrorString(int code) { return code == 6 ? "remote process exited" : "nccl error"; }
int ncclGetVersion(int *version) { *version = 22005; return 0; }

int ncclGroupStart(void) { fprintf(calls, "batch\n"); return 0; }
int ncclGroupEnd(void) {
  fprintf(calls, "end of batch\n");
  while (trouble == 6) usleep(1000); /* the peer never comes */
  return 0;
}
int ncclCommGetAsyncError(void *comm, int *code) { *code = trouble; return comm != &group; }

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
