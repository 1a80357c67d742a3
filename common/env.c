#include "common/env.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 1024

void env_log(const struct env *env, enum log_level level, const char *module,
	     const char *event, const char *format, ...)
{
	char fields[LINE_SIZE];
	va_list args;

	assert(env != NULL && module != NULL && event != NULL && format != NULL);
	if (env->log == NULL)
		return;
	va_start(args, format);
	if (vsnprintf(fields, sizeof fields, format, args) < 0)
		fields[0] = '\0';
	va_end(args);
	env->log(env->ctx, level, module, event, fields);
}

void env_crash_point(const struct env *env, const char *label)
{
	assert(env != NULL && label != NULL);
	if (env->crash_point != NULL)
		env->crash_point(env->ctx, label);
}
