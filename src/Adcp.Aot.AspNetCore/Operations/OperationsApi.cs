using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;
using Adcp.Aot.Resilience;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Operations;

/// <summary>The JSON API of the operator page. Its answers are those of <see cref="IWebhookOperations"/>.</summary>
internal sealed class OperationsApi(IWebhookOperations operations, AdcpOperationsOptions options, StatusFeed feed, ILogger logger)
{
    private const int MaxActionBytes = 32 * 1024;

    /// <summary>Proxies close connections on which nothing is sent.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    internal void Map(RouteGroupBuilder group)
    {
        Get(group, "api/features", http => new(new Answer(
            new OperationsFeaturesDocument(
                options.ActorOf(http), operations.Features.HasFlag(OperationsFeatures.Attempts),
                operations.Features.HasFlag(OperationsFeatures.DeadLetters), operations.Features.HasFlag(OperationsFeatures.Workers),
                operations.Features.HasFlag(OperationsFeatures.Pause), options.BodyPolicy is not null, options.RequiresReason),
            OperationsJson.Default.OperationsFeaturesDocument)));
        Get(group, "api/status", async http => new Answer(
            await operations.GetStatusAsync(http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.OperationsStatus));
        Get(group, "api/endpoints", async http => new Answer(
            await operations.ListEndpointsAsync(EndpointQueryOf(new QueryReader(http.Request.Query)), http.RequestAborted)
                .ConfigureAwait(false),
            OperationsJson.Default.EndpointPage));
        Get(group, "api/attempts", async http => new Answer(
            await operations.ListAttemptsAsync(AttemptQueryOf(new QueryReader(http.Request.Query)), http.RequestAborted)
                .ConfigureAwait(false),
            OperationsJson.Default.AttemptPage));
        Get(group, "api/actions", async http => new Answer(
            await operations.ListActionsAsync(http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.Actions));
        Get(group, "api/deliveries/{key}", async http => Found(
            await operations.FindDeliveryAsync(DeliveryQueryOf(http), http.RequestAborted).ConfigureAwait(false),
            OperationsJson.Default.DeliveryStory,
            "No such delivery in the history or in the store. A webhook that no worker has read yet is found among the first 100,000 of "
                + "them, and a dead letter of an earlier release among the newest 1,000: filter the dead letters and open it there, or "
                + "give tenant and delivery_id."));
        Get(group, "api/workers", async http => new Answer(
            await operations.ListWorkersAsync(http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.WorkersStatus));
        Force(group, "api/endpoints/{id}/isolate", operations.IsolateAsync);
        Force(group, "api/endpoints/{id}/reset", operations.ResetAsync);
        Post(group, "api/pause", OperationsJson.Default.ActionRequest, async (http, _, action) => new Answer(
            await operations.PauseAsync(action, http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.OperationsStatus));
        Post(group, "api/resume", OperationsJson.Default.ActionRequest, async (http, _, action) => new Answer(
            await operations.ResumeAsync(action, http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.OperationsStatus));
        MapDeadLetters(group);
        group.MapGet("api/events", StreamAsync);
    }

    private void MapDeadLetters(RouteGroupBuilder group)
    {
        const string NoDeadLetter = "No such dead letter. It may have been redriven, discarded or purged.";
        Get(group, "api/dead-letters", async http => new Answer(
            await operations.ListDeadLettersAsync(DeadLetterQueryOf(new QueryReader(http.Request.Query)), http.RequestAborted)
                .ConfigureAwait(false),
            OperationsJson.Default.DeadLetterPage));
        Get(group, "api/dead-letters/count", async http => new Answer(
            await operations.CountDeadLettersAsync(DeadLetterQueryOf(new QueryReader(http.Request.Query)), http.RequestAborted)
                .ConfigureAwait(false),
            OperationsJson.Default.DeadLetterCount));
        Get(group, "api/dead-letters/{id:long}", async http => Found(
            await operations.FindDeadLetterAsync(IdOf(http), http.RequestAborted).ConfigureAwait(false),
            OperationsJson.Default.DeadLetter, NoDeadLetter));
        Get(group, "api/dead-letter-jobs", async http => new Answer(
            await operations.ListDeadLetterJobsAsync(http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.DeadLetterJobs));
        Post(group, "api/dead-letters/redrive", OperationsJson.Default.RedriveRequest, async (http, request, action) =>
        {
            if (request is not { Filter: { } filter })
            {
                throw NoFilter();
            }

            RedriveOptions redrive = new()
            {
                IsDryRun = request.DryRun,
                AllowsNewKey = request.AllowsNewKey,
                RatePerSecond = request.RatePerSecond,
            };
            return Started(
                await operations.StartRedriveAsync(filter.ToQuery(), redrive, action, http.RequestAborted).ConfigureAwait(false));
        });
        Post(group, "api/dead-letters/discard", OperationsJson.Default.DiscardRequest, async (http, request, action) =>
            request is not { Filter: { } filter } ? throw NoFilter() : Started(
                await operations.StartDiscardAsync(filter.ToQuery(), request.DryRun, action, http.RequestAborted).ConfigureAwait(false)));
        Post(group, "api/dead-letter-jobs/{id}/cancel", OperationsJson.Default.ActionRequest, async (http, _, action) => Found(
            await operations.CancelDeadLetterJobAsync(Segment(http, "id"), action, http.RequestAborted).ConfigureAwait(false),
            OperationsJson.Default.DeadLetterJob, "No such job in this process."), isStop: true);
        IEndpointConventionBuilder body = Post(
            group, "api/dead-letters/{id:long}/body", OperationsJson.Default.ActionRequest, async (http, _, action) =>
        {
            if (options.BodyPolicy is null)
            {
                throw new ApiException(
                    StatusCodes.Status403Forbidden, "No policy allows to open a body. Set AdcpOperationsOptions.BodyPolicy.");
            }

            ReadOnlyMemory<byte>? content =
                await operations.OpenBodyAsync(IdOf(http), action, http.RequestAborted).ConfigureAwait(false);
            return content is { } bytes
                ? new Answer(new BodyDocument(Encoding.UTF8.GetString(bytes.Span)), OperationsJson.Default.BodyDocument)
                : throw new ApiException(StatusCodes.Status404NotFound, NoDeadLetter);
        });
        if (options.BodyPolicy is { } policy)
        {
            body.RequireAuthorization(policy);
        }
    }

    private static Answer Found(object? value, JsonTypeInfo type, string otherwise) =>
        value is null ? throw new ApiException(StatusCodes.Status404NotFound, otherwise) : new Answer(value, type);

    private static Answer Started(DeadLetterJob? job) => job is null
        ? throw new ApiException(StatusCodes.Status409Conflict, "Too many jobs run already. Cancel one, or wait.")
        : new Answer(job, OperationsJson.Default.DeadLetterJob);

    private static ArgumentException NoFilter() => new("filter is needed: an object, which is empty for all dead letters.");

    private static string Segment(HttpContext http, string name) => (string)http.Request.RouteValues[name]!;

    private static long IdOf(HttpContext http) => long.Parse(Segment(http, "id"), CultureInfo.InvariantCulture);

    private static DeliveryQuery DeliveryQueryOf(HttpContext http)
    {
        QueryReader query = new(http.Request.Query);
        DeliveryQuery delivery = query.WithoutOthers(new DeliveryQuery
        {
            IdempotencyKey = Segment(http, "key"),
            DeadLetterId = query.Number("dead_letter"),
            Tenant = query.Text("tenant"),
            DeliveryId = query.Text("delivery_id"),
        });
        return delivery is { DeliveryId: not null, Tenant: null } ? throw new ArgumentException("delivery_id needs tenant.") : delivery;
    }

    private static DeadLetterQuery DeadLetterQueryOf(QueryReader query) => query.WithoutOthers(new DeadLetterQuery
    {
        Tenant = query.Text("tenant"),
        Reason = query.Text("reason"),
        EndpointId = query.Text("endpoint_id"),
        NotificationType = query.Text("notification_type"),
        Before = query.Number("after"),
        Limit = query.Limit(),
    });

    private static EndpointQuery EndpointQueryOf(QueryReader query) => query.WithoutOthers(new EndpointQuery
    {
        State = query.Enumeration<CircuitState>("state"),
        Text = query.Text("text"),
        After = query.Text("after"),
        Limit = query.Limit(),
    });

    private static AttemptQuery AttemptQueryOf(QueryReader query) => query.WithoutOthers(new AttemptQuery
    {
        Endpoint = query.Text("endpoint"),
        Outcome = query.Enumeration<AttemptOutcome>("outcome"),
        TaskId = query.Text("task_id"),
        NotificationType = query.Text("notification_type"),
        IdempotencyKey = query.Text("idempotency_key"),
        Since = query.Time("since"),
        Until = query.Time("until"),
        After = query.Text("after"),
        Limit = query.Limit(),
    });

    private void Get(RouteGroupBuilder group, string path, Func<HttpContext, ValueTask<Answer>> answer) =>
        group.MapGet(path, http => AnswerAsync(http, answer));

    private void Force(
        RouteGroupBuilder group, string path,
        Func<string, OperatorAction, CancellationToken, ValueTask<EndpointStatus?>> act) =>
        Post(group, path, OperationsJson.Default.ActionRequest, async (http, _, action) => Found(
            await act(Segment(http, "id"), action, http.RequestAborted).ConfigureAwait(false), OperationsJson.Default.EndpointStatus,
            "No such endpoint."));

    /// <param name="group">The routes of the page.</param>
    /// <param name="path">The path.</param>
    /// <param name="type">The JSON of the body.</param>
    /// <param name="act">The action.</param>
    /// <param name="isStop">Whether the action only stops another one, which must not wait for a reason.</param>
    private IEndpointConventionBuilder Post<T>(
        RouteGroupBuilder group, string path, JsonTypeInfo<T> type, Func<HttpContext, T?, OperatorAction, ValueTask<Answer>> act,
        bool isStop = false)
        where T : class, IActionRequest =>
        group.MapPost(path, http => AnswerAsync(http, async http =>
        {
            T? request = await ActionOfAsync(http, type).ConfigureAwait(false);
            OperatorAction action = new(options.ActorOf(http), request?.Reason);
            return action.Reason is null && options.RequiresReason && !isStop && request?.DryRun != true
                ? throw new ApiException(
                    StatusCodes.Status400BadRequest, "reason is needed: a text of 1 to 500 characters. It is recorded with the action.")
                : await act(http, request, action).ConfigureAwait(false);
        }));

    private async Task AnswerAsync(HttpContext http, Func<HttpContext, ValueTask<Answer>> answer)
    {
        StaticPage.Protect(http.Response.Headers);
        http.Response.Headers.CacheControl = "no-store";
        try
        {
            Answer done = await answer(http).ConfigureAwait(false);
            await WriteAsync(http, StatusCodes.Status200OK, done.Value, done.Type).ConfigureAwait(false);
        }
        catch (ApiException fault)
        {
            await FaultAsync(http, fault.Status, fault.Message).ConfigureAwait(false);
        }
        catch (ArgumentException fault)
        {
            await FaultAsync(http, StatusCodes.Status400BadRequest, fault.Message).ConfigureAwait(false);
        }
        catch (NotSupportedException fault)
        {
            await FaultAsync(http, StatusCodes.Status404NotFound, fault.Message).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            OperationsLog.Failed(logger, fault, http.Request.Path.Value ?? "");
            await FaultAsync(http, StatusCodes.Status503ServiceUnavailable, "Not available now. The log has the reason.")
                .ConfigureAwait(false);
        }
    }

    private static Task FaultAsync(HttpContext http, int status, string message) =>
        http.Response.HasStarted
            ? Task.CompletedTask
            : WriteAsync(http, status, new ApiFault(message), OperationsJson.Default.ApiFault);

    private static async Task WriteAsync(HttpContext http, int status, object value, JsonTypeInfo type)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Reads an action, which only the page itself or a program may send.</summary>
    private static async ValueTask<T?> ActionOfAsync<T>(HttpContext http, JsonTypeInfo<T> type)
        where T : class
    {
        string? site = http.Request.Headers["Sec-Fetch-Site"];
        if (!http.Request.Headers.ContainsKey(OperationsJson.ActionHeader) || (site is not null && site != "same-origin"))
        {
            throw new ApiException(
                StatusCodes.Status403Forbidden, $"An action comes from the page itself or has the header {OperationsJson.ActionHeader}.");
        }

        if (!http.Request.HasJsonContentType())
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "The Content-Type is application/json.");
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxActionBytes;
        }

        try
        {
            return await JsonSerializer.DeserializeAsync(http.Request.Body, type, http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new ApiException(
                StatusCodes.Status400BadRequest,
                "The body is a JSON object with an optional text \"reason\", and the action's own members if it has any. A member that the "
                    + "action does not have is refused.");
        }
        catch (BadHttpRequestException fault)
        {
            throw new ApiException(fault.StatusCode, "The body is too long.");
        }
    }

    /// <summary>Sends the status as server-sent events until the page leaves or the application stops.</summary>
    private async Task StreamAsync(HttpContext http)
    {
        StaticPage.Protect(http.Response.Headers);
        if (feed.Join() is not { } page)
        {
            await FaultAsync(http, StatusCodes.Status503ServiceUnavailable, $"{StatusFeed.MaxPages} pages are open already.")
                .ConfigureAwait(false);
            return;
        }

        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, feed.Stopping);
        try
        {
            http.Response.ContentType = "text/event-stream";
            http.Response.Headers.CacheControl = "no-store";
            http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            while (!end.IsCancellationRequested)
            {
                byte[]? status = await NextAsync(page.Reader, end.Token).ConfigureAwait(false);
                await http.Response.Body.WriteAsync(status is null ? ": still here\n\n"u8.ToArray() : EventOf(status), end.Token)
                    .ConfigureAwait(false);
                await http.Response.Body.FlushAsync(end.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The page left, or the application stops.
        }
        finally
        {
            feed.Leave(page);
        }
    }

    private static byte[] EventOf(byte[] status) => [.. "event: status\ndata: "u8, .. status, .. "\n\n"u8];

    /// <summary>Returns the next status; null if there was none for as long as a proxy waits.</summary>
    private static async Task<byte[]?> NextAsync(ChannelReader<byte[]> page, CancellationToken cancellationToken)
    {
        using CancellationTokenSource wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        wait.CancelAfter(KeepAlive);
        try
        {
            return await page.ReadAsync(wait.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private readonly record struct Answer(object Value, JsonTypeInfo Type);

    private sealed class ApiException(int status, string message) : Exception(message)
    {
        internal int Status { get; } = status;
    }

    /// <summary>Reads the parameters of a query. A parameter that is not valid throws with its name and rule.</summary>
    private sealed class QueryReader(IQueryCollection query)
    {
        private const int MaxLength = 1000;

        private readonly List<string> _names = [];

        /// <summary>Refuses parameters that were not read: a filter whose name is misspelled would show everything.</summary>
        internal T WithoutOthers<T>(T read) => query.Keys.FirstOrDefault(name => !_names.Contains(name)) is null
            ? read
            : throw new ArgumentException($"The query has an unknown parameter. It may have: {string.Join(", ", _names)}.");

        internal string? Text(string name)
        {
            _names.Add(name);
            return query[name].ToString() switch
            {
                "" => null,
                { Length: > MaxLength } => throw new ArgumentException($"{name} has at most {MaxLength} characters."),
                string text => text,
            };
        }

        internal long? Number(string name) => Text(name) is not { } text ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : throw new ArgumentException($"{name} is a whole number.");

        internal int Limit() => Text("limit") is not { } text ? new EndpointQuery().Limit
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) && limit is >= 1 and <= 1000 ? limit
            : throw new ArgumentException("limit is a whole number from 1 to 1000.");

        internal DateTimeOffset? Time(string name) => Text(name) is not { } text ? null
            : DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out DateTimeOffset time)
                ? time
            : throw new ArgumentException($"{name} is a time such as 2026-01-31T12:00:00Z.");

        internal T? Enumeration<T>(string name)
            where T : struct, Enum
        {
            if (Text(name) is not { } text)
            {
                return null;
            }

            foreach (T value in Enum.GetValues<T>())
            {
                if (JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()) == text)
                {
                    return value;
                }
            }

            string all = string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
            throw new ArgumentException($"{name} is one of {all}.");
        }
    }
}
