using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Testing;
using Adcp.Aot.Tests.Payloads;

namespace Adcp.Aot.Platform.Tests.Wire;

/// <summary>Each reply to a random request, valid or not, is held by the schemas of its generation.</summary>
[Needs(Resource.AdcpData)]
public sealed class ReplySchemaTests
{
    private const int Seeds = 12;
    private const int RequestsOfSeed = 120;

    private static readonly string[] Tools = ["get_adcp_capabilities", "create_media_buy", "get_products", "list_creatives",
        "get_task_status", "list_tasks", "no_such_tool"];

    private static readonly AdcpTaskStatus[] Statuses =
        [.. Enum.GetValues<AdcpTaskStatus>().Where(status => status != AdcpTaskStatus.Unknown)];

    [Theory]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public async Task Each_reply_is_held_by_the_schemas_of_its_generation(AdcpVersion version)
    {
        HashSet<string> seen = [];
        for (int seed = 0; seed < Seeds; seed++)
        {
            await using Conversation conversation = new(version, seed, seen);
            for (int i = 0; i < RequestsOfSeed; i++)
            {
                await conversation.ContinueAsync();
            }
        }

        // A run that never met a kind of reply proves nothing about it.
        string[] kinds =
        [
            .. CodesOfLibrary().Where(code => !code.StartsWith("AUTH_", StringComparison.Ordinal)
                && (version > AdcpVersion.V30 || code != "IDEMPOTENCY_IN_FLIGHT")),
            "completed", "submitted", "working", "replayed", "get_adcp_capabilities", "list_tasks", "create_media_buy",
            .. Statuses.Select(status => "get_task_status " + JsonNamingPolicy.KebabCaseLower.ConvertName($"{status}")),
        ];
        Assert.Empty(kinds.Except(seen));
    }

    /// <summary>
    /// A schema that is not there accepts anything. These are not there: of tools, and behind the schemas of replies. Behind those of tasks
    /// are also the results of all tools, which are the seller's own.
    /// </summary>
    [Fact]
    public void Schemas_of_replies_that_are_not_there_are_those_of_the_list()
    {
        string[] missing =
        [
            .. from version in Enum.GetValues<AdcpVersion>()
               from tool in Tools.SkipLast(1)
               where ReplySchemas.IdOf(version, tool) is null
               select $"{version} {tool}",
            .. from version in Enum.GetValues<AdcpVersion>()
               from id in Tools.Select(tool => ReplySchemas.IdOf(version, tool)).Append(AdcpSchemas.IdOf(version, "protocol-envelope.json"))
                   .Append(AdcpSchemas.IdOf(version, "error.json"))
               where id is not null
               from file in AdcpSchemas.MissingBehind(id)
               let name = Path.GetFileNameWithoutExtension(file)
               where name == "pagination-response" || !name.Contains("-response", StringComparison.Ordinal)
               select name,
        ];

        Assert.Equal(
        [
            "V30 create_media_buy", "V30 get_products", "V30 list_creatives", "V31 create_media_buy", "V31 get_products",
            "V31 list_creatives", "V32 create_media_buy", "V32 get_adcp_capabilities", "V32 get_products", "V32 list_creatives",
            "action-source", "age-verification-method", "attribution-model", "billing-party", "brand-ref", "channels",
            "cloud-storage-protocol", "creative-selection-strategy", "duration", "event-type", "match-type", "media-buy-features",
            "pagination-response", "postal-area-support", "pricing-model", "product-format-declaration", "property-type",
            "reach-unit", "right-type", "right-use", "si-capabilities", "specialism", "transport-mode", "uid-type",
            "vendor-metric-id", "vendor-metric-value", "viewability-standard",
        ], missing.Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>The codes that the library's code names.</summary>
    private static HashSet<string> CodesOfLibrary()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Adcp.Aot.sln")))
        {
            root = root.Parent;
        }

        string folder = Path.Combine(root!.FullName, "src", "Adcp.Aot.Platform");
        HashSet<string> codes = [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), "\"([A-Z]+(?:_[A-Z]+)+)\"").Select(match => match.Groups[1].Value))
            .Where(code => !code.StartsWith("TASK_STATE_", StringComparison.Ordinal) && code != "ROLE_AGENT")];
        Assert.True(codes.Count >= 10);
        return codes;
    }

    /// <summary>A seller and one buyer, whose requests come from a seed.</summary>
    private sealed class Conversation : IAsyncDisposable
    {
        private readonly AdcpVersion _version;
        private readonly HashSet<string> _seen;
        private readonly RandomRequests _requests;
        private readonly TurnedTime _time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        private readonly RecordingSender _sender;
        private readonly InMemoryWebhookDeliverySupervisor _supervisor;
        private readonly PlatformHandler _handler;
        private readonly List<(string Tool, JsonObject Arguments)> _earlier = [];

        public Conversation(AdcpVersion version, int seed, HashSet<string> seen)
        {
            (_version, _seen, _requests) = (version, seen, new RandomRequests(seed));
            _sender = TestSenders.Of(version, _time);
            _supervisor = new InMemoryWebhookDeliverySupervisor(_sender, new WebhookSupervisorOptions { TimeProvider = _time });
            ReplyPlatform platform = new();
            PlatformOptions options = new()
            {
                Version = version,
                TimeProvider = _time,
                Tasks = new InMemoryTaskRegistry(null, _time),
                Idempotency = new InMemoryIdempotencyStore(new IdempotencyStoreOptions { TimeProvider = _time }),
                CallTimeout = TimeSpan.FromSeconds(1),
                SigningKeys = [_sender.Key],
                WebhookSigning = new WebhookSigningCapability { Algorithms = [_sender.Key.Algorithm], AllowsLegacyAuthentication = true },
                AllowsProcessLocalDelivery = version == AdcpVersion.V32,
                Limits = new PlatformLimits { MaxNewRequestsPerSecond = 1, MaxNewRequestBurst = 6 },
            };
            platform.Options = options;
            _handler = AdcpServer.CreateFromPlatform(platform, options, supervisor: _supervisor);
        }

        public async Task ContinueAsync()
        {
            if (_requests.Happens(0.1))
            {
                _time.Advance(_requests.Pick(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), TimeSpan.FromHours(30)));
            }

            if (_requests.Happens(0.25))
            {
                await EndAsync();
                await CallAsync("get_task_status", _requests.Next("get_task_status", []));
            }

            if (_earlier.Count > 0 && _requests.Happens(0.2))
            {
                // A repetition, or another request with its key.
                (string tool, JsonObject arguments) = _requests.Pick(_earlier.TakeLast(8).ToArray());
                JsonObject again = arguments.DeepClone().AsObject();
                if (_requests.Happens(0.3))
                {
                    again["plan"] = "another";
                }

                await CallAsync(tool, again);
                return;
            }

            string next = _requests.Happens(0.4) ? "create_media_buy" : _requests.Pick(Tools);
            JsonObject request = [];
            if (next is "create_media_buy" or "get_products")
            {
                request["plan"] = _requests.Pick(ReplyPlatform.Plans);
                if (_requests.Happens(0.3))
                {
                    request["push_notification_config"] = JsonNode.Parse(Bench.Push);
                }
            }

            await CallAsync(next, _requests.Next(next, request));
        }

        public async ValueTask DisposeAsync()
        {
            await _handler.DrainAsync(TimeSpan.Zero);
            await _handler.DisposeAsync();
            await _supervisor.DisposeAsync();
            _sender.Dispose();
        }

        /// <summary>Changes the status of a task.</summary>
        private async Task EndAsync()
        {
            string id = _requests.RecentTask();
            AdcpTaskStatus status = _requests.Pick(Statuses);
            if (status == AdcpTaskStatus.Failed)
            {
                await _handler.Tasks.FailAsync("buyer", id, new AdcpError("PRODUCT_NOT_FOUND", "Sold out.", "plan"));
            }
            else
            {
                await _handler.Tasks.EnterAsync(
                    "buyer", id, status, status == AdcpTaskStatus.Completed ? """{"media_buy_id":"mb_4"}"""u8.ToArray() : default);
            }
        }

        private async Task CallAsync(string tool, JsonObject arguments)
        {
            _earlier.Add((tool, arguments));
            using JsonDocument document = JsonDocument.Parse(arguments.ToJsonString());
            Task<ToolReply> call = _handler.CallAsync(tool, document.RootElement, "buyer").AsTask();
            await TurnAsync(call);
            ToolReply reply = await call;
            JsonElement body = Bench.Body(reply.Body);

            string? code = ReplySchemas.Check(_version, tool, body, arguments["context"] as JsonObject);

            Assert.Equal(reply.Error?.Code, code);
            Assert.DoesNotContain("secret detail", Bench.Text(reply), StringComparison.Ordinal);
            if (reply.TaskId is { } task && !_requests.Tasks.Contains(task))
            {
                _requests.Tasks.Add(task);
            }

            string status = body.GetProperty("status").GetString()!;
            _seen.Add(code ?? status);
            _seen.Add(code is null ? tool : "");
            _seen.Add(tool == "get_task_status" && code is null ? $"{tool} {status}" : "");
            _seen.Add(reply.IsReplay ? "replayed" : "");
        }

        /// <summary>Turns the clock as long as a call waits for it. The pause is not for ordering: the loop only checks again.</summary>
        private async Task TurnAsync(Task call)
        {
            using CancellationTokenSource guard = new(TimeSpan.FromMinutes(1));
            while (!call.IsCompleted)
            {
                await Task.WhenAny(call, Task.Delay(5, guard.Token));
                guard.Token.ThrowIfCancellationRequested();
                if (!call.IsCompleted)
                {
                    _time.Advance(TimeSpan.FromMilliseconds(500));
                }
            }
        }
    }
}
