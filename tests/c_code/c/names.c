/* A list of names under a lock, as a library in C is written that lets its user give it memory: it asks for memory while it holds
   the lock, and locks again what it has locked where the lock allows that. Two of its functions have a bug, and say so. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

/* The user's memory. */
void *rust_malloc(size_t size);
void *rust_realloc(void *block, size_t size);
void rust_free(void *block);

struct names {
    pthread_mutex_t lock;
    char **list;
    size_t len;
    size_t room;
};

/* What kind of lock stands before a list. */
enum kind { RECURSIVE, ERROR_CHECKING, NORMAL };

/* One list that is there from the beginning, for the whole program. */
struct names names_shared = {.lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};
struct names names_shared_normal = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Every function that returns an int returns 0 or the number of an error. */

int names_open(struct names **opened, int kind) {
    static const int kinds[] = {
        [RECURSIVE] = PTHREAD_MUTEX_RECURSIVE,
        [ERROR_CHECKING] = PTHREAD_MUTEX_ERRORCHECK,
        [NORMAL] = PTHREAD_MUTEX_NORMAL,
    };
    struct names *names = rust_malloc(sizeof *names);
    if (names == NULL)
        return ENOMEM;
    memset(names, 0, sizeof *names);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    int error = pthread_mutexattr_settype(&attributes, kinds[kind]);
    if (error == 0)
        error = pthread_mutex_init(&names->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (error != 0) {
        rust_free(names);
        return error;
    }
    *opened = names;
    return 0;
}

/* Takes all names out. The lock is not taken: nobody else has the list any more. */
void names_clear(struct names *names) {
    for (size_t at = 0; at < names->len; at++)
        rust_free(names->list[at]);
    rust_free(names->list);
    names->list = NULL;
    names->len = names->room = 0;
}

void names_close(struct names *names) {
    names_clear(names);
    pthread_mutex_destroy(&names->lock);
    rust_free(names);
}

static int make_room(struct names *names) {
    if (names->len < names->room)
        return 0;
    size_t room = names->room == 0 ? 2 : 2 * names->room;
    char **list = rust_realloc(names->list, room * sizeof *list);
    if (list == NULL)
        return ENOMEM;
    names->list = list;
    names->room = room;
    return 0;
}

/* For whoever has the lock already: it is locked once more. */
static int make_room_locked(struct names *names) {
    int error = pthread_mutex_lock(&names->lock);
    if (error != 0)
        return error;
    error = make_room(names);
    int unlocked = pthread_mutex_unlock(&names->lock);
    return error != 0 ? error : unlocked;
}

static char *copy_of(const char *name) {
    size_t size = strlen(name) + 1;
    char *copy = rust_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, name, size);
}

/* For a recursive lock only. */
int names_add(struct names *names, const char *name) {
    int error = pthread_mutex_lock(&names->lock);
    if (error != 0)
        return error;
    char *copy = copy_of(name);
    error = copy == NULL ? ENOMEM : make_room_locked(names);
    if (error == 0)
        names->list[names->len++] = copy;
    else
        rust_free(copy);
    int unlocked = pthread_mutex_unlock(&names->lock);
    return error != 0 ? error : unlocked;
}

/* The bug: without room for one more name its copy is lost. */
int names_add_leaky(struct names *names, const char *name) {
    int error = pthread_mutex_lock(&names->lock);
    if (error != 0)
        return error;
    char *copy = copy_of(name);
    error = copy == NULL ? ENOMEM : make_room_locked(names);
    if (error == 0)
        names->list[names->len++] = copy;
    int unlocked = pthread_mutex_unlock(&names->lock);
    return error != 0 ? error : unlocked;
}

/* The bug: without room for one more name the lock stays locked. */
int names_add_forgetful(struct names *names, const char *name) {
    int error = pthread_mutex_lock(&names->lock);
    if (error != 0)
        return error;
    char *copy = copy_of(name);
    error = copy == NULL ? ENOMEM : 0;
    if (error == 0) {
        error = make_room(names);
        if (error != 0) {
            rust_free(copy);
            return error;
        }
        names->list[names->len++] = copy;
    }
    int unlocked = pthread_mutex_unlock(&names->lock);
    return error != 0 ? error : unlocked;
}

int names_count(struct names *names, size_t *count) {
    int error = pthread_mutex_lock(&names->lock);
    if (error != 0)
        return error;
    *count = names->len;
    return pthread_mutex_unlock(&names->lock);
}
