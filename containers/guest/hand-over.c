/* hand-over: copies its input into the memory that the machine shares with its host, QEMU's ivshmem device.
 *
 * A serial port costs the guest two exits a character; this costs none, and needs nothing of the kernel but PCI and
 * sysfs. It ends with 1, and has written nothing that counts, where there is no such memory or too little of it.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* docs/specs/ivshmem-spec.rst of QEMU: the device's identity, and its memory in BAR 2 */
#define VENDOR "0x1af4"
#define DEVICE "0x1110"

static int says(const char *folder, const char *name, const char *wanted)
{
	char path[256], text[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return strncmp(text, wanted, strlen(wanted)) == 0;
}

static void enable(const char *folder)
{
	char path[256];
	int handle;

	snprintf(path, sizeof(path), "%s/enable", folder);
	handle = open(path, O_WRONLY);
	if (handle < 0)
		return;
	if (write(handle, "1", 1) < 0)
		perror(path);
	close(handle);
}

static int copy(const char *folder)
{
	static char buffer[1 << 20];
	size_t length = fread(buffer, 1, sizeof(buffer), stdin);
	struct stat facts;
	char path[256];
	volatile char *memory;
	int handle;

	snprintf(path, sizeof(path), "%s/resource2", folder);
	handle = open(path, O_RDWR | O_SYNC);
	if (handle < 0 || fstat(handle, &facts) || !length || !feof(stdin) || length > (size_t)facts.st_size)
		return 1;
	memory = mmap(NULL, facts.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
	if (memory == MAP_FAILED)
		return 1;
	for (size_t at = 0; at < length; at++)
		memory[at] = buffer[at];
	for (size_t at = 0; at < length; at++)
		if (memory[at] != buffer[at])
			return 1;
	return 0;
}

int main(void)
{
	glob_t found;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found))
		return 1;
	for (size_t at = 0; at < found.gl_pathc; at++) {
		const char *folder = found.gl_pathv[at];

		if (says(folder, "vendor", VENDOR) && says(folder, "device", DEVICE)) {
			enable(folder);
			return copy(folder);
		}
	}
	return 1;
}
