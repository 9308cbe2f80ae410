/* storages_ask.c — questions to a disk that may not answer.
 *
 * Each is asked on a thread of its own, with copies of all it needs. When the store closes before
 * the answer, the thread is left to itself: it touches nothing of the store.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/storages/storages_internal.h"

#include <string.h>

enum { ASK_STACK_BYTES = 1 << 20, ASK_TICK_MS = 100 };

struct question {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned refs; /* the asker and the thread; guarded by the mutex, as `answered` */
    bool answered;
    disk_question *ask;
    struct arena arena; /* of what was copied */
    struct root_files files;
    struct disk_answer answer;
};

static void question_unref(struct question *question)
{
    pthread_mutex_lock(&question->mutex);
    CHECK(question->refs > 0);
    bool last = --question->refs == 0;
    pthread_mutex_unlock(&question->mutex);
    if (!last)
        return;
    buf_clear(&question->answer.text);
    arena_clear(&question->arena);
    (void)pthread_cond_destroy(&question->changed);
    (void)pthread_mutex_destroy(&question->mutex);
    mem_free(question);
}

static void *question_main(void *argument)
{
    struct question *question = argument;

    CHECK(question->ask != NULL);
    (void)FAULT(storages_ask);
    question->ask(&question->files, &question->answer);
    pthread_mutex_lock(&question->mutex);
    question->answered = true;
    pthread_cond_signal(&question->changed);
    pthread_mutex_unlock(&question->mutex);
    question_unref(question);
    return NULL;
}

static struct question *question_new(disk_question *ask, const struct root_files *files)
{
    struct question *question = mem_zalloc(sizeof(*question));

    CHECK(files->root != NULL);
    CHECK(pthread_mutex_init(&question->mutex, NULL) == 0);
    clock_cond_init(&question->changed);
    question->refs = 2;
    question->ask = ask;
    arena_init(&question->arena, 0);
    buf_init(&question->answer.text);
    question->files.root = arena_copy(&question->arena, str_from_c(files->root)).data;
    for (size_t i = 0; i < files->count; i++)
        question->files.paths[i] = arena_copy(&question->arena, str_from_c(files->paths[i])).data;
    question->files.count = files->count;
    return question;
}

bool storages_ask(struct store *store, disk_question *ask, const struct root_files *files,
                  struct disk_answer *out)
{
    struct question *question = question_new(ask, files);
    pthread_t thread;

    thread_start(&thread, "storage-ask", ASK_STACK_BYTES, question_main, question);
    CHECK(pthread_detach(thread) == 0);
    pthread_mutex_lock(&question->mutex);
    while (!question->answered && !storages_look_is_over(store)) {
        struct timespec until = clock_deadline(ASK_TICK_MS);
        (void)pthread_cond_timedwait(&question->changed, &question->mutex, &until);
    }
    bool answered = question->answered;
    if (answered) {
        *out = question->answer;
        buf_init(&question->answer.text);
    }
    pthread_mutex_unlock(&question->mutex);
    question_unref(question);
    return answered;
}
