using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;

namespace Adcp.Aot.Cli;

/// <summary>The operations of a process that has an operator page, over its API.</summary>
internal sealed class OperationsClient : IWebhookOperations, IDisposable
{
    private const int MaxAnswerBytes = 16 << 20;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly Uri _page;

    /// <summary>Creates a client.</summary>
    /// <param name="page">The url of the operator page.</param>
    /// <param name="token">The bearer token; null for none.</param>
    /// <exception cref="CommandException">The url is not one of http or https, or the token is no header's value.</exception>
    internal OperationsClient(string page, string? token)
    {
        if (!Uri.TryCreate(page.EndsWith('/') ? page : page + "/", UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https"))
        {
            throw new CommandException(ExitCode.Usage, "--url takes the http or https url of an operator page, such as https://host/adcp.");
        }

        if (url.Scheme == "http" && token is not null && !url.IsLoopback)
        {
            throw new CommandException(ExitCode.Usage, "--url: a token is sent over https only, or to this machine.");
        }

        _page = url;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            Timeout = Timeout,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
        if (token is not null)
        {
            if (token.Any(static character => character is <= ' ' or > '~'))
            {
                throw new CommandException(ExitCode.Usage, "--token-file: a token is visible ASCII on one line.");
            }

            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>Gets no part: the server says which ones it has.</summary>
    public OperationsFeatures Features => OperationsFeatures.None;

    /// <inheritdoc/>
    public ValueTask<OperationsStatus> GetStatusAsync(CancellationToken cancellationToken = default) =>
        GetAsync("api/status", OperationsJson.Default.OperationsStatus, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<OperationsPage<EndpointStatus>> ListEndpointsAsync(
        EndpointQuery? query = null, CancellationToken cancellationToken = default) =>
        GetAsync(
            "api/endpoints" + Query(
                ("state", Wire(query?.State)), ("text", query?.Text), ("after", query?.After), ("limit", Number(query?.Limit))),
            OperationsJson.Default.EndpointPage, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAttemptsAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default) =>
        GetAsync(
            "api/attempts" + Query(
                ("endpoint", query?.Endpoint), ("outcome", Wire(query?.Outcome)), ("task_id", query?.TaskId),
                ("notification_type", query?.NotificationType), ("idempotency_key", query?.IdempotencyKey),
                ("since", Time(query?.Since)), ("until", Time(query?.Until)), ("after", query?.After), ("limit", Number(query?.Limit))),
            OperationsJson.Default.AttemptPage, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ActionRecord>> ListActionsAsync(CancellationToken cancellationToken = default) =>
        GetAsync("api/actions", OperationsJson.Default.Actions, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<EndpointStatus?> IsolateAsync(
        string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        ActAsync(endpointId, "isolate", action, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<EndpointStatus?> ResetAsync(string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        ActAsync(endpointId, "reset", action, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<OperationsStatus> PauseAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        ActOnAllAsync("pause", action, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<OperationsStatus> ResumeAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        ActOnAllAsync("resume", action, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<DeliveryStory?> FindDeliveryAsync(DeliveryQuery query, CancellationToken cancellationToken = default) =>
        await FindAsync(
            $"api/deliveries/{Uri.EscapeDataString(query.IdempotencyKey)}" + Query(
                ("dead_letter", Number(query.DeadLetterId)), ("tenant", query.Tenant), ("delivery_id", query.DeliveryId)),
            OperationsJson.Default.DeliveryStory, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<OperationsPage<DeadLetter>> ListDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default) =>
        GetAsync("api/dead-letters" + Query(query), OperationsJson.Default.DeadLetterPage, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<DeadLetterCount> CountDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default) =>
        GetAsync("api/dead-letters/count" + Query(query), OperationsJson.Default.DeadLetterCount, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<DeadLetter?> FindDeadLetterAsync(long id, CancellationToken cancellationToken = default) =>
        await FindAsync($"api/dead-letters/{Number(id)}", OperationsJson.Default.DeadLetter, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<DeadLetterJob?> StartRedriveAsync(
        DeadLetterQuery query, RedriveOptions options, OperatorAction action, CancellationToken cancellationToken = default)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            "api/dead-letters/redrive",
            new RedriveRequest(
                action.Reason, DeadLetterFilter.Of(query), options.IsDryRun, options.AllowsNewKey, options.RatePerSecond),
            OperationsJson.Default.RedriveRequest, cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.Conflict ? null : Read(status, body, OperationsJson.Default.DeadLetterJob);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<DeadLetterJob>> ListDeadLetterJobsAsync(CancellationToken cancellationToken = default) =>
        GetAsync("api/dead-letter-jobs", OperationsJson.Default.DeadLetterJobs, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<DeadLetterJob?> CancelDeadLetterJobAsync(
        string id, OperatorAction action, CancellationToken cancellationToken = default)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            $"api/dead-letter-jobs/{Uri.EscapeDataString(id)}/cancel", new ActionRequest(action.Reason),
            OperationsJson.Default.ActionRequest, cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound ? null : Read(status, body, OperationsJson.Default.DeadLetterJob);
    }

    /// <inheritdoc/>
    public async ValueTask<DeadLetterJob?> StartDiscardAsync(
        DeadLetterQuery query, bool isDryRun, OperatorAction action, CancellationToken cancellationToken = default)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            "api/dead-letters/discard", new DiscardRequest(action.Reason, DeadLetterFilter.Of(query), isDryRun),
            OperationsJson.Default.DiscardRequest, cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.Conflict ? null : Read(status, body, OperationsJson.Default.DeadLetterJob);
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>?> OpenBodyAsync(
        long id, OperatorAction action, CancellationToken cancellationToken = default)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            $"api/dead-letters/{Number(id)}/body", new ActionRequest(action.Reason), OperationsJson.Default.ActionRequest,
            cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound
            ? null
            : (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(Read(status, body, OperationsJson.Default.BodyDocument).Content);
    }

    /// <inheritdoc/>
    public ValueTask<WorkersStatus> ListWorkersAsync(CancellationToken cancellationToken = default) =>
        GetAsync("api/workers", OperationsJson.Default.WorkersStatus, cancellationToken);

    public void Dispose() => _http.Dispose();

    private static string? Wire<T>(T? value)
        where T : struct, Enum => value is { } given ? JsonNamingPolicy.SnakeCaseLower.ConvertName(given.ToString()) : null;

    private static string Query(DeadLetterQuery? query) => Query(
        ("tenant", query?.Tenant), ("reason", query?.Reason), ("endpoint_id", query?.EndpointId),
        ("notification_type", query?.NotificationType), ("after", Number(query?.Before)),
        ("limit", Number(query?.Limit)));

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);

    private static string? Time(DateTimeOffset? value) => value?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        StringBuilder query = new();
        foreach ((string name, string? value) in parameters)
        {
            if (value is not null)
            {
                query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }

        return query.ToString();
    }

    private async ValueTask<OperationsStatus> ActOnAllAsync(string name, OperatorAction action, CancellationToken cancellationToken)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            $"api/{name}", new ActionRequest(action.Reason), OperationsJson.Default.ActionRequest, cancellationToken).ConfigureAwait(false);
        return Read(status, body, OperationsJson.Default.OperationsStatus);
    }

    private async ValueTask<EndpointStatus?> ActAsync(
        string endpointId, string name, OperatorAction action, CancellationToken cancellationToken)
    {
        (HttpStatusCode status, byte[] body) = await PostAsync(
            $"api/endpoints/{Uri.EscapeDataString(endpointId)}/{name}", new ActionRequest(action.Reason),
            OperationsJson.Default.ActionRequest, cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound ? null : Read(status, body, OperationsJson.Default.EndpointStatus);
    }

    private async ValueTask<(HttpStatusCode Status, byte[] Body)> PostAsync<T>(
        string path, T content, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(_page, path));
        request.Headers.Add(OperationsJson.ActionHeader, "1");
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(content, type));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gets a value; null if the page has none by this name, or not this part.</summary>
    private async ValueTask<T?> FindAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(_page, path));
        (HttpStatusCode status, byte[] body) = await SendAsync(request, cancellationToken).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound ? null : Read(status, body, type);
    }

    private async ValueTask<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(_page, path));
        (HttpStatusCode status, byte[] body) = await SendAsync(request, cancellationToken).ConfigureAwait(false);
        return Read(status, body, type);
    }

    private async Task<(HttpStatusCode Status, byte[] Body)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (HttpRequestException fault)
        {
            // The message quotes an answer that is not HTTP.
            throw new CommandException(ExitCode.NotDone, $"{_page.Authority} does not answer: {Output.Visible(fault.Message)}");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.NotDone, $"{_page.Authority} did not answer in {Timeout.TotalSeconds} s.");
        }
    }

    private T Read<T>(HttpStatusCode status, byte[] body, JsonTypeInfo<T> type)
    {
        if (status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new CommandException(ExitCode.Refused, $"{_page.Authority} answered {(int)status}: give a token by --token-file.");
        }

        try
        {
            if (status == HttpStatusCode.OK && JsonSerializer.Deserialize(body, type) is { } value)
            {
                return value;
            }

            if (status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound
                && JsonSerializer.Deserialize(body, OperationsJson.Default.ApiFault) is { Error: not null } fault)
            {
                throw new CommandException(
                    status == HttpStatusCode.NotFound ? ExitCode.NotDone : ExitCode.Usage, Output.Visible(fault.Error));
            }
        }
        catch (JsonException)
        {
            // Not an answer of the page.
        }

        throw new CommandException(ExitCode.NotDone, $"{_page} is no operator page: it answered {(int)status}.");
    }
}
