/* The bridge between a native DuckDB process and the engine of ddb_aiquery, which runs in a child process.
 *
 * A loadable extension on DuckDB's stable C extension API, table v1.2.0. No DuckDB header is needed: the API is a table
 * of functions whose slots are frozen. Each call of a function, at most 2,048 rows, is one frame on a socketpair,
 * numbers in the machine's own order:
 *   request  u64 bytes after the head, u32 id, u32 what; u32 rows, u32 columns, the columns as put_vector writes them
 *   reply    u64 bytes after the head, u32 id, u32 outcome; an error's text (outcome 1), or the answers (outcome 0):
 *            i64 bytes of each row's text (-1: NULL), the texts
 * Several calls are under way at once: each calling thread waits for its id, one thread reads. The child ends with the
 * stream, however this process ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS has SO_NOSIGPIPE instead */
#endif

/* ---- DuckDB's C API: the slots that are used, under DuckDB's own names ---- */
typedef void *P;
typedef uint64_t idx_t;
struct access { void (*set_error)(P, const char *); P *(*get_database)(P); const P *(*get_api)(P, const char *); };
static P api[404];
#define CALL(ret, slot, ...) ((ret(*)(__VA_ARGS__))api[slot])
#define duckdb_connect CALL(int, 3, P, P *)
#define duckdb_disconnect CALL(void, 6, P *)
#define duckdb_free CALL(void, 25, P)
#define duckdb_create_logical_type CALL(P, 156, int)
#define duckdb_get_type_id CALL(int, 166, P)
#define duckdb_decimal_width CALL(uint8_t, 167, P)
#define duckdb_decimal_scale CALL(uint8_t, 168, P)
#define duckdb_decimal_internal_type CALL(int, 169, P)
#define duckdb_enum_internal_type CALL(int, 170, P)
#define duckdb_enum_dictionary_size CALL(uint32_t, 171, P)
#define duckdb_enum_dictionary_value CALL(char *, 172, P, idx_t)
#define duckdb_struct_type_child_count CALL(idx_t, 178, P)
#define duckdb_struct_type_child_name CALL(char *, 179, P, idx_t)
#define duckdb_destroy_logical_type CALL(void, 184, P *)
#define duckdb_data_chunk_get_column_count CALL(idx_t, 189, P)
#define duckdb_data_chunk_get_vector CALL(P, 190, P, idx_t)
#define duckdb_data_chunk_get_size CALL(idx_t, 191, P)
#define duckdb_vector_get_column_type CALL(P, 193, P)
#define duckdb_vector_get_data CALL(P, 194, P)
#define duckdb_vector_get_validity CALL(uint64_t *, 195, P)
#define duckdb_vector_ensure_validity_writable CALL(void, 196, P)
#define duckdb_vector_assign_string_element_len CALL(void, 198, P, idx_t, const char *, idx_t)
#define duckdb_list_vector_get_child CALL(P, 199, P)
#define duckdb_list_vector_get_size CALL(idx_t, 200, P)
#define duckdb_struct_vector_get_child CALL(P, 203, P, idx_t)
#define duckdb_create_scalar_function CALL(P, 209, void)
#define duckdb_destroy_scalar_function CALL(void, 210, P *)
#define duckdb_scalar_function_set_name CALL(void, 211, P, const char *)
#define duckdb_scalar_function_set_varargs CALL(void, 212, P, P)
#define duckdb_scalar_function_set_special_handling CALL(void, 213, P)
#define duckdb_scalar_function_set_volatile CALL(void, 214, P)
#define duckdb_scalar_function_set_return_type CALL(void, 216, P, P)
#define duckdb_scalar_function_set_extra_info CALL(void, 217, P, P, void (*)(P))
#define duckdb_scalar_function_set_function CALL(void, 218, P, void (*)(P, P, P))
#define duckdb_register_scalar_function CALL(int, 219, P, P)
#define duckdb_scalar_function_get_extra_info CALL(P, 220, P)
#define duckdb_scalar_function_set_error CALL(void, 221, P, const char *)

enum { VARCHAR = 17, BLOB = 18, DECIMAL = 19, ENUM = 23, LIST = 24, STRUCT = 25, MAP = 26, ANY = 34, SQLNULL = 36 };
typedef struct { uint32_t length; char rest[12]; } string_t; /* short texts stand in `rest`, others behind a pointer */

/* ---- A chunk's arguments as bytes ---- */
typedef struct { char *bytes; size_t length, room; const char *error; } buffer;

static void put(buffer *b, const void *bytes, size_t length) {
	if (b->length + length > b->room) {
		size_t room = (b->length + length) * 2 + 4096;
		char *more = b->error ? NULL : realloc(b->bytes, room);
		if (!more && !b->error) b->error = "ai_query: a chunk is too large for the memory";
		if (!more) return;
		b->bytes = more;
		b->room = room;
	}
	if (length) memcpy(b->bytes + b->length, bytes, length);
	b->length += length;
}

static void align(buffer *b) { put(b, "\0\0\0\0\0\0\0", -b->length & 7); }
static bool valid(const uint64_t *mask, idx_t row) { return !mask || (mask[row >> 6] >> (row & 63) & 1); }

static void put_name(buffer *b, char *text) { /* takes a text that DuckDB allocated */
	uint32_t length = text ? (uint32_t)strlen(text) : 0;
	put(b, &length, sizeof length);
	put(b, text, length);
	duckdb_free(text);
}

static void put_strings(buffer *b, const string_t *strings, const uint64_t *mask, idx_t rows) {
	uint64_t end = 0;
	put(b, &end, sizeof end);
	for (idx_t row = 0; row < rows; row++) {
		if (valid(mask, row)) end += strings[row].length;
		put(b, &end, sizeof end);
	}
	for (idx_t row = 0; row < rows; row++) {
		if (!valid(mask, row)) continue;
		const char *text = strings[row].rest;
		if (strings[row].length > sizeof strings[row].rest) memcpy(&text, strings[row].rest + 4, sizeof text);
		put(b, text, strings[row].length);
	}
}

/* Bytes of one value by DuckDB's type number, 0 where the type is not carried or has its values in child vectors. */
static const uint8_t width[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 8, 4, 8, 0, 16, 16,
                                16, 0, 8, 8, 8, 0, 16, 0, 16, 0, 0, 0, 0, 8};

/* Appends a vector: u64 rows; u32 type, u32 detail (children, words, digits); u64 bytes of a value, +32: has a mask,
 * +64: all rows are equal, one stands for them; names; mask; values; child vectors. Parts begin at multiples of 8. */
static void put_vector(buffer *b, P vector, idx_t rows) {
	P logical = duckdb_vector_get_column_type(vector);
	uint32_t type = (uint32_t)duckdb_get_type_id(logical), detail = 0;
	uint32_t stored = type == DECIMAL ? (uint32_t)duckdb_decimal_internal_type(logical)
	                : type == ENUM ? (uint32_t)duckdb_enum_internal_type(logical) : type;
	const char *data = duckdb_vector_get_data(vector);
	uint64_t *mask = type == SQLNULL ? NULL : duckdb_vector_get_validity(vector);
	if (type == DECIMAL) detail = duckdb_decimal_width(logical) | (uint32_t)duckdb_decimal_scale(logical) << 8;
	if (type == ENUM) detail = duckdb_enum_dictionary_size(logical);
	if (type == STRUCT) detail = (uint32_t)duckdb_struct_type_child_count(logical);
	uint32_t bytes = stored < sizeof width ? width[stored] : 0;
	bool lists = type == LIST || type == MAP, text = type == VARCHAR || type == BLOB;
	bool equal = bytes && !lists && !mask && rows > 1 && !memcmp(data, data + bytes, (rows - 1) * bytes);
	idx_t head[] = {rows, type | (idx_t)detail << 32, bytes | (mask ? 32 : 0) | (equal ? 64 : 0)};
	put(b, head, sizeof head);
	for (uint32_t i = 0; i < detail && type == STRUCT; i++) put_name(b, duckdb_struct_type_child_name(logical, i));
	for (uint32_t i = 0; i < detail && type == ENUM; i++) put_name(b, duckdb_enum_dictionary_value(logical, i));
	duckdb_destroy_logical_type(&logical);
	align(b);
	if (mask) put(b, mask, (rows + 63) / 64 * 8);
	if (text) put_strings(b, (const string_t *)data, mask, equal ? 1 : rows);
	else if (bytes) put(b, data, (equal ? 1 : rows) * bytes);
	else if (type != STRUCT && type != SQLNULL) b->error = "ai_query: an argument's type is not passed on: cast it";
	align(b);
	if (b->error) return;
	for (uint32_t i = 0; i < detail && type == STRUCT; i++) put_vector(b, duckdb_struct_vector_get_child(vector, i), rows);
	if (lists) put_vector(b, duckdb_list_vector_get_child(vector), duckdb_list_vector_get_size(vector));
}

/* ---- Ctrl-C: the host's own handler still runs; a wait ends too ---- */
static volatile sig_atomic_t interrupts;
static struct sigaction host;
static int watchers; /* under `lock` */

static void on_interrupt(int number, siginfo_t *info, void *context) {
	interrupts++;
	if (host.sa_flags & SA_SIGINFO) host.sa_sigaction(number, info, context);
	else host.sa_handler(number);
}

/* A host without a handler of its own dies of Ctrl-C, as it should: then there is nothing to watch. */
static void watch(int change) {
	struct sigaction ours = {.sa_sigaction = on_interrupt, .sa_flags = SA_SIGINFO};
	if (change > 0 && watchers++ == 0) {
		sigaction(SIGINT, NULL, &host);
		sigemptyset(&ours.sa_mask);
		if ((host.sa_flags & SA_SIGINFO) || (host.sa_handler != SIG_DFL && host.sa_handler != SIG_IGN))
			sigaction(SIGINT, &ours, NULL);
	}
	if (change < 0 && --watchers == 0) sigaction(SIGINT, &host, NULL);
}

/* ---- The child and the calls under way ---- */
enum { QUERY, STRUCTURE, DEFAULT_ENDPOINT, LISTING, CANCEL, SLICE_MS = 50, PATIENCE_MS = 1000, PAUSE_MS = 50 };
typedef struct { uint64_t length; uint32_t id, what; } head;
typedef struct call {
	uint32_t id;
	sig_atomic_t interrupts; /* as they were when the call began */
	bool done;
	const char *error; /* the call failed */
	char *reply;       /* NUL after the end; an error's text stands in it too */
	uint64_t length;
	struct call *next;
} call;
extern char **environ;
static const char *const command[] = {COMMAND, NULL}; /* given to the compiler */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;    /* guards what follows */
static pthread_mutex_t sending = PTHREAD_MUTEX_INITIALIZER; /* one frame after the other; taken before `lock` */
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static int stream = -1; /* this and `child` are changed only by start() and, while it lives, by the reader */
static pid_t child;
static call *calls;

static call *take(uint32_t id) { /* any call for id 0; under `lock` */
	call **at = &calls;
	while (*at && id && (*at)->id != id) at = &(*at)->next;
	call *found = *at;
	if (found) *at = found->next;
	return found;
}

static bool receive(char *bytes, size_t length) {
	while (length) {
		ssize_t got = recv(stream, bytes, length, 0);
		if (got < 0 && errno == EINTR) continue;
		if (got <= 0) return false;
		bytes += got, length -= (size_t)got;
	}
	return true;
}

static void finish(call *c, const char *error) { /* under `lock` */
	c->error = error;
	c->done = true;
	pthread_cond_broadcast(&news);
}

static bool hand_over(void) { /* one reply; false at the end of the stream */
	head h;
	char *reply = receive((char *)&h, sizeof h) ? malloc(h.length + 1) : NULL;
	bool whole = reply && receive(reply, h.length);
	pthread_mutex_lock(&lock);
	call *c = whole ? take(h.id) : NULL; /* none: it was interrupted */
	if (c) {
		reply[h.length] = 0;
		c->reply = reply, c->length = h.length;
		finish(c, h.what ? reply : NULL);
	} else free(reply);
	pthread_mutex_unlock(&lock);
	return whole;
}

static void *read_replies(void *nothing) {
	while (hand_over()) {}
	shutdown(stream, SHUT_RDWR); /* should the child still live, it ends of this */
	waitpid(child, NULL, 0);
	pthread_mutex_lock(&sending);
	pthread_mutex_lock(&lock);
	close(stream);
	stream = -1;
	for (call *c; (c = take(0));) finish(c, "ai_query: the engine's process ended; the next query starts a new one");
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&sending);
	return nothing;
}

/* Under `lock`. The stream is the child's stdin; its stdout must not spoil the shell's results. */
static bool start(void) {
	int pair[2];
	pthread_t reader;
	sigset_t all, before;
	posix_spawn_file_actions_t files;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return false;
	for (int end = 0; end < 2; end++) fcntl(pair[end], F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
	setsockopt(pair[0], SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
	stream = pair[0];
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, pair[1], 0);
	posix_spawn_file_actions_adddup2(&files, 2, 1);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* the reader leaves signals to the host, the child begins with none */
	bool well = !posix_spawn(&child, command[0], &files, NULL, (char **)command, environ) &&
	            !pthread_create(&reader, NULL, read_replies, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	posix_spawn_file_actions_destroy(&files);
	close(pair[1]);
	if (well) return !pthread_detach(reader);
	close(stream); /* should there be a child, it ends of this */
	stream = -1;
	return false;
}

/* Sends a whole frame: half of one would spoil the stream. Where the child takes no more, Ctrl-C is its end. */
static void transmit(const call *c, const char *bytes, size_t length) {
	pthread_mutex_lock(&sending);
	while (length && stream >= 0) {
		ssize_t sent = send(stream, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) bytes += sent, length -= (size_t)sent;
		else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			bool full = !poll(&(struct pollfd){stream, POLLOUT, 0}, 1, PATIENCE_MS);
			if (full && c->interrupts != interrupts) kill(child, SIGKILL);
		} else if (errno != EINTR) break; /* the reader learns of it too */
	}
	pthread_mutex_unlock(&sending);
}

static long long now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Has the child answer a frame whose head is still empty. After Ctrl-C no call begins for a moment: DuckDB's planner
 * calls a function of constants again when it failed, and would hold the shell. */
static void ask(call *c, buffer *frame, uint32_t what) {
	static uint32_t last_id;
	static long long pause;
	head h = {frame->length - sizeof h, 0, what};
	pthread_mutex_lock(&lock);
	if (now_ms() < pause) c->error = "ai_query: interrupted";
	else if (stream < 0 && !start())
		c->error = "ai_query: cannot start the engine's process: run ddb-aiquery native install";
	if (c->error) {
		pthread_mutex_unlock(&lock);
		return;
	}
	h.id = c->id = ++last_id ? last_id : ++last_id;
	c->interrupts = interrupts;
	c->next = calls;
	calls = c;
	watch(1);
	pthread_mutex_unlock(&lock);
	memcpy(frame->bytes, &h, sizeof h);
	transmit(c, frame->bytes, frame->length);
	pthread_mutex_lock(&lock);
	while (!c->done && c->interrupts == interrupts) {
		long long end = now_ms() + SLICE_MS;
		struct timespec slice = {end / 1000, end % 1000 * 1000000};
		pthread_cond_timedwait(&news, &lock, &slice);
	}
	bool interrupted = !c->done;
	if (interrupted) {
		finish(take(c->id), "ai_query: interrupted; every answer that arrived is kept");
		pause = now_ms() + PAUSE_MS;
	}
	watch(-1);
	pthread_mutex_unlock(&lock);
	if (interrupted) transmit(c, (const char *)&(head){0, c->id, CANCEL}, sizeof h);
}

/* ---- The functions ---- */
static bool write_answers(P out, const char *reply, uint64_t length, idx_t rows) {
	const char *text = reply + rows * 8, *end = reply + length;
	int64_t size;
	for (idx_t row = 0; row < rows; row++, reply += 8) {
		if (text > end) return false;
		memcpy(&size, reply, sizeof size);
		if (size > end - text) return false;
		if (size < 0) {
			duckdb_vector_ensure_validity_writable(out);
			duckdb_vector_get_validity(out)[row >> 6] &= ~(1ULL << (row & 63));
			continue;
		}
		duckdb_vector_assign_string_element_len(out, row, text, (idx_t)size);
		text += size;
	}
	return true;
}

static void function(P info, P chunk, P out) {
	idx_t rows = duckdb_data_chunk_get_size(chunk), columns = duckdb_data_chunk_get_column_count(chunk);
	uint32_t size[] = {(uint32_t)rows, (uint32_t)columns};
	buffer frame = {0};
	call c = {0};
	if (!rows) return;
	put(&frame, &(head){0}, sizeof(head));
	put(&frame, size, sizeof size);
	for (idx_t i = 0; i < columns; i++) put_vector(&frame, duckdb_data_chunk_get_vector(chunk, i), rows);
	c.error = frame.error;
	if (!c.error) ask(&c, &frame, (uint32_t)(uintptr_t)duckdb_scalar_function_get_extra_info(info));
	free(frame.bytes);
	if (!c.error && !write_answers(out, c.reply, c.length, rows)) c.error = "ai_query: the reply cannot be read";
	if (c.error) duckdb_scalar_function_set_error(info, c.error);
	free(c.reply);
}

__attribute__((visibility("default"))) bool ddb_aiquery_init_c_api(P info, struct access *access) {
	static const char *const names[] = {"__ai_query", "__ai_structure", "__ai_default_endpoint_name", "__ai_listing"};
	const P *table = access->get_api(info, "v1.2.0");
	P connection;
	if (!table) return false; /* DuckDB says why */
	memcpy(api, table, sizeof api);
	if (duckdb_connect(*access->get_database(info), &connection)) return false;
	bool well = true;
	P any = duckdb_create_logical_type(ANY), varchar = duckdb_create_logical_type(VARCHAR);
	for (uintptr_t what = QUERY; what <= LISTING; what++) {
		P made = duckdb_create_scalar_function();
		duckdb_scalar_function_set_name(made, names[what]);
		duckdb_scalar_function_set_varargs(made, any);
		duckdb_scalar_function_set_return_type(made, varchar);
		duckdb_scalar_function_set_special_handling(made); /* NULLs reach the function */
		if (what == LISTING) duckdb_scalar_function_set_volatile(made);
		duckdb_scalar_function_set_extra_info(made, (P)what, NULL);
		duckdb_scalar_function_set_function(made, function);
		well = !duckdb_register_scalar_function(connection, made) && well;
		duckdb_destroy_scalar_function(&made);
	}
	duckdb_destroy_logical_type(&any);
	duckdb_destroy_logical_type(&varchar);
	duckdb_disconnect(&connection);
	if (!well) access->set_error(info, "ddb_aiquery: cannot register ai_query");
	return well;
}
