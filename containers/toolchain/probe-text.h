/* Texts of any length, and files as texts: what probe-memo.c stands on. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text {
	char *bytes;
	size_t size;
};

static int starts(const char *word, const char *with)
{
	return !strncmp(word, with, strlen(with));
}

static void add(struct text *to, const void *bytes, size_t size)
{
	to->bytes = realloc(to->bytes, to->size + size + 1);
	if (!to->bytes)
		abort();
	memcpy(to->bytes + to->size, bytes, size);
	to->size += size;
	to->bytes[to->size] = 0;
}

static int read_all(int fd, struct text *to)
{
	char buffer[65536];
	ssize_t got;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		add(to, buffer, got);
	return got;
}

static int read_file(const char *path, struct text *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0)
		return -1;
	status = read_all(fd, to);
	close(fd);
	return status;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = write(fd, bytes, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		bytes += put;
		size -= put;
	}
	return 0;
}
