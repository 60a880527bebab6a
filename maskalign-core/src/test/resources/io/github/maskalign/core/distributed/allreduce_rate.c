/* The same sums as AllReduceRate.java, from C: arguments are the number of floats and the number of repetitions. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  int rank, granted, count = atoi(argv[1]), repetitions = atoi(argv[2]);
  (void) argc;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &granted);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  float *values = malloc((size_t) count * sizeof(float));
  for (int i = 0; i < count; i++) values[i] = 1;
  for (int i = 0; i < repetitions; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0) printf("seconds %.6f\n", MPI_Wtime() - start);
  }
  MPI_Finalize();
  return 0;
}
