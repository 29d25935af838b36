/*
 * Stands before the compiler in PATH, under the compiler's name, and remembers what the real one answers to a probe.
 *
 * make and conf ask the compiler some 130 times a run what it can do: scripts/Kconfig.include's cc-option and its
 * relatives compile /dev/null, or a line from standard input. The answers are kept in the folder PROBES, which is one
 * container's and so one tree's own. The whole question (words, standard input, language) is compared, not its digest.
 *
 * Remembered is what depends on nothing else: no word of it names a file. All else is handed to the compiler as it is.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "probe-text.h"

#define MOST (1 << 20)		/* bytes of a question or of an answer that is kept */

/* How an entry begins; behind it stand the question, what was printed, and the output file, if one was made. */
struct head {
	uint32_t asked, out, err, made;
	int32_t status, has_output;
};

static char real[4096];		/* the compiler's path */

/* The compiler: the next of this name in PATH. */
static void find_real(const char *name)
{
	char own[4096] = "", *path = strdup(getenv("PATH") ?: ""), *folder, *rest = path;
	struct stat mine, its;

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0 || stat(own, &mine))
		exit(127);
	while ((folder = strsep(&rest, ":"))) {
		snprintf(real, sizeof(real), "%s/%s", folder, name);
		if (!stat(real, &its) && its.st_ino != mine.st_ino && !access(real, X_OK)) {
			free(path);
			return;
		}
	}
	fprintf(stderr, "probe-memo: no %s in PATH\n", name);
	exit(127);
}

/* Words that make the compiler read or write beside what stands in the question. */
static int reaches_out(const char *word)
{
	static const char *const starting[] = {
		"@", "-M", "-Wp,", "-save", "--save", "-fdump", "-fprofile", "--coverage", "-ftest", "-gsplit", "-fstack-usage",
		"-fcallgraph", "-aux", "-I", "-L", "-B", "-specs", "--specs", "-include", "-imacros", "-wrapper", "-fplugin=", NULL,
	};

	for (const char *const *one = starting; *one; one++)
		if (starts(word, *one))
			return 1;
	return 0;
}

/* Whether a word names no file: there is no slash in it but /dev/null's, and no file of that name. */
static int nameless(const char *word)
{
	const char *slash = strchr(word, '/'), *null = strstr(word, "/dev/null");

	if (slash)
		return slash == null && !null[strlen("/dev/null")] && (null == word || null[-1] == '=');
	return word[0] == '-' || access(word, F_OK);
}

/* The place of the operand of -o, 0 without one, -1 when the question is none to be remembered. */
static int probe(int count, char **words, int *asks_input)
{
	static const char *const foreign[] = {
		"CPATH", "C_INCLUDE_PATH", "COMPILER_PATH", "LIBRARY_PATH", "GCC_EXEC_PREFIX", "DEPENDENCIES_OUTPUT",
		"SUNPRO_DEPENDENCIES", "GCC_COMPARE_DEBUG", "SOURCE_DATE_EPOCH", NULL,
	};
	int output = 0, answers = 0;

	for (const char *const *name = foreign; *name; name++)
		if (getenv(*name))
			return -1;
	for (int i = 1; i < count; i++) {
		const char *word = words[i];

		if (!strcmp(word, "-o") && i + 1 < count && !output) {
			output = ++i;
			continue;
		}
		if (reaches_out(word) || starts(word, "-o") || !nameless(word))
			return -1;
		answers |= !strcmp(word, "-E") || !strcmp(word, "--version") || starts(word, "-print-") || starts(word, "-dump");
		*asks_input |= !strcmp(word, "-");
	}
	if (output && strcmp(words[output], "/dev/null") && !starts(words[output], ".tmp_"))
		return -1;
	return output || answers ? output : -1;
}

/* What is asked: the words but for the name of the output, the language, and standard input. */
static struct text question(int count, char **words, int output, const struct text *input)
{
	static const char *const language[] = { "LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG", "LANGUAGE", NULL };
	struct text found = { 0 };

	add(&found, real, strlen(real) + 1);
	for (int i = 1; i < count; i++) {
		const char *word = i == output && strcmp(words[i], "/dev/null") ? "OUTPUT" : words[i];

		add(&found, word, strlen(word) + 1);
	}
	for (const char *const *name = language; *name; name++) {
		const char *value = getenv(*name) ?: "";

		add(&found, value, strlen(value) + 1);
	}
	add(&found, input->bytes ? input->bytes : "", input->size);
	return found;
}

static void name_of(const struct text *asked, const char *folder, char *path, size_t size)
{
	uint64_t digest = 14695981039346656037u;	/* FNV-1a; a collision is a miss */

	for (size_t i = 0; i < asked->size; i++)
		digest = (digest ^ (unsigned char)asked->bytes[i]) * 1099511628211u;
	snprintf(path, size, "%s/%016llx", folder, (unsigned long long)digest);
}

/* Answer as the compiler did, if this was asked before: print, make the output file, and end as it did. */
static void known(const char *path, const struct text *asked, const char *output)
{
	struct text entry = { 0 };
	struct head head;
	char *at;

	if (read_file(path, &entry) || entry.size < sizeof(head))
		return;
	memcpy(&head, entry.bytes, sizeof(head));
	at = entry.bytes + sizeof(head);
	if (entry.size != sizeof(head) + (size_t)head.asked + head.out + head.err + head.made)
		return;		/* cut short */
	if (head.asked != asked->size || memcmp(at, asked->bytes, asked->size))
		return;
	at += head.asked;
	if (head.has_output) {
		int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

		if (fd < 0 || write_all(fd, at + head.out + head.err, head.made))
			return;	/* the compiler says it better */
		close(fd);
	}
	write_all(1, at, head.out);
	write_all(2, at + head.out, head.err);
	exit(head.status);
}

/* Write an entry under another name first: whoever reads finds it whole or not at all. */
static void keep(const char *path, const struct head *head, const struct text *asked, const struct text said[3])
{
	struct text entry = { 0 };
	char partial[4200];
	int fd;

	add(&entry, head, sizeof(*head));
	add(&entry, asked->bytes, asked->size);
	for (int i = 0; i < 3; i++)
		add(&entry, said[i].bytes ? said[i].bytes : "", said[i].size);
	snprintf(partial, sizeof(partial), "%s.%d", path, (int)getpid());
	fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (entry.size > MOST || write_all(fd, entry.bytes, entry.size) || rename(partial, path))
		unlink(partial);
	close(fd);
}

/* Ask the compiler, with `input` as its standard input, and say what it said; its exit status, or minus the signal that ended it. */
static int ask(char **words, int has_input, const struct text *input, struct text said[2])
{
	int fd[3], status;
	pid_t child;

	for (int i = 0; i < 3; i++)
		fd[i] = memfd_create("probe", MFD_CLOEXEC);
	if (fd[0] < 0 || fd[1] < 0 || fd[2] < 0 || write_all(fd[0], input->bytes, input->size) || lseek(fd[0], 0, SEEK_SET))
		exit(1);
	child = fork();
	if (!child) {
		for (int i = has_input ? 0 : 1; i < 3; i++)
			dup2(fd[i], i);
		execv(real, words);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		exit(1);
	for (int i = 0; i < 2; i++) {
		lseek(fd[i + 1], 0, SEEK_SET);
		read_all(fd[i + 1], &said[i]);
		write_all(i + 1, said[i].bytes, said[i].size);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int count, char **words)
{
	const char *name = strrchr(words[0], '/') ? strrchr(words[0], '/') + 1 : words[0], *folder = getenv("PROBES");
	struct text input = { 0 }, asked, said[3] = { 0 };
	int asks_input = 0, output, status;
	char path[4128];

	find_real(name);
	words[0] = real;	/* it finds its parts by its own path */
	output = folder ? probe(count, words, &asks_input) : -1;
	if (output < 0 || (asks_input && read_all(0, &input))) {
		execv(real, words);
		return 127;
	}
	asked = question(count, words, output, &input);
	name_of(&asked, folder, path, sizeof(path));
	known(path, &asked, words[output]);
	status = ask(words, asks_input, &input, said);
	if (status < 0)
		raise(-status);
	if (!output || !strcmp(words[output], "/dev/null") || !said[1].bytes || !strstr(said[1].bytes, words[output])) {
		struct head head = { asked.size, said[0].size, said[1].size, 0, status, 0 };

		if (output && strcmp(words[output], "/dev/null") && !read_file(words[output], &said[2])) {
			head.has_output = 1;
			head.made = said[2].size;
		}
		keep(path, &head, &asked, said);
	}
	return status;
}
