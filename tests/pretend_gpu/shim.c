/* Without a driver torch counts no GPUs, and its autograd asks libcuda whether one is in use. Loaded before torch under
   libcuda's name, this answers for libc10_cuda.so and for libcuda: there are `devices` GPUs, and none is in use. */
int devices;
signed char _ZN3c104cuda12device_countEv(void) { return devices; } /* c10::cuda::device_count() */
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { return *flags = *active = 0; }
