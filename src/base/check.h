/* check.h — assertions with grades. A failed check is a bug: it logs file, line and text and
 * aborts; acknowledged rows are durable already. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Prints to stderr and aborts; never returns. */
_Noreturn void check_failed(const char *file, int line, const char *text);

/* Always on; must be cheap and free of side effects. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* For checks that cost more than a compare: only in debug and sanitizer builds. */
#ifdef KALAM_SLOW_CHECKS
#define CHECK_SLOW(condition) CHECK(condition)
#else
#define CHECK_SLOW(condition) ((void)sizeof(condition))
#endif

#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, "unreachable: " why)

#endif
