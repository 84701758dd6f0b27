/* Prints the name of each slot of DuckDB's C extension API, where the host exports its functions, as Python's wheel does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

struct access {
	void (*set_error)(void *, const char *);
	void **(*get_database)(void *);
	void *const *(*get_api)(void *, const char *);
};

__attribute__((visibility("default"))) bool slots_init_c_api(void *info, struct access *access) {
	void *const *table = access->get_api(info, "v1.2.0");
	for (int slot = 0; slot < 404; slot++) {
		Dl_info found;
		printf("%s %d\n", dladdr(table[slot], &found) && found.dli_sname ? found.dli_sname : "?", slot);
	}
	return fflush(stdout) == 0;
}
