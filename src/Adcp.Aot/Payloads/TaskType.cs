namespace Adcp.Aot;

/// <summary>
/// AdCP's <c>task-type</c>: the operations that a task webhook can report on. Not every one is eligible in every
/// version.
/// </summary>
public enum TaskType
{
    /// <summary><c>create_media_buy</c>, since AdCP 3.0.</summary>
    CreateMediaBuy = 0,

    /// <summary><c>update_media_buy</c>, since AdCP 3.0.</summary>
    UpdateMediaBuy = 1,

    /// <summary><c>buy_products</c>, since AdCP 3.2.</summary>
    BuyProducts = 2,

    /// <summary><c>accept_proposal</c>, since AdCP 3.2.</summary>
    AcceptProposal = 3,

    /// <summary><c>control_media_buy</c>, since AdCP 3.2.</summary>
    ControlMediaBuy = 4,

    /// <summary><c>media_buy_delivery</c>, since AdCP 3.1.</summary>
    MediaBuyDelivery = 5,

    /// <summary><c>sync_creatives</c>, since AdCP 3.0.</summary>
    SyncCreatives = 6,

    /// <summary><c>build_creative</c>, since AdCP 3.1.</summary>
    BuildCreative = 7,

    /// <summary><c>preview_creative</c>, since AdCP 3.2.</summary>
    PreviewCreative = 8,

    /// <summary><c>activate_signal</c>, since AdCP 3.0.</summary>
    ActivateSignal = 9,

    /// <summary><c>get_products</c>, since AdCP 3.1.</summary>
    GetProducts = 10,

    /// <summary><c>request_proposals</c>, since AdCP 3.2.</summary>
    RequestProposals = 11,

    /// <summary><c>refine_proposals</c>, since AdCP 3.2.</summary>
    RefineProposals = 12,

    /// <summary><c>decline_proposals</c>, since AdCP 3.2.</summary>
    DeclineProposals = 13,

    /// <summary><c>get_signals</c>, since AdCP 3.0.</summary>
    GetSignals = 14,

    /// <summary><c>create_property_list</c>, since AdCP 3.0.</summary>
    CreatePropertyList = 15,

    /// <summary><c>update_property_list</c>, since AdCP 3.0.</summary>
    UpdatePropertyList = 16,

    /// <summary><c>get_property_list</c>, since AdCP 3.0.</summary>
    GetPropertyList = 17,

    /// <summary><c>list_property_lists</c>, since AdCP 3.0.</summary>
    ListPropertyLists = 18,

    /// <summary><c>delete_property_list</c>, since AdCP 3.0.</summary>
    DeletePropertyList = 19,

    /// <summary><c>sync_accounts</c>, since AdCP 3.0.</summary>
    SyncAccounts = 20,

    /// <summary><c>get_account_financials</c>, since AdCP 3.0.</summary>
    GetAccountFinancials = 21,

    /// <summary><c>get_creative_delivery</c>, since AdCP 3.0.</summary>
    GetCreativeDelivery = 22,

    /// <summary><c>sync_event_sources</c>, since AdCP 3.0.</summary>
    SyncEventSources = 23,

    /// <summary><c>sync_audiences</c>, since AdCP 3.0.</summary>
    SyncAudiences = 24,

    /// <summary><c>sync_catalogs</c>, since AdCP 3.0.</summary>
    SyncCatalogs = 25,

    /// <summary><c>log_event</c>, since AdCP 3.0.</summary>
    LogEvent = 26,

    /// <summary><c>get_brand_identity</c>, since AdCP 3.0.</summary>
    GetBrandIdentity = 27,

    /// <summary><c>search_brands</c>, since AdCP 3.1.</summary>
    SearchBrands = 28,

    /// <summary><c>get_rights</c>, since AdCP 3.0.</summary>
    GetRights = 29,

    /// <summary><c>acquire_rights</c>, since AdCP 3.0.</summary>
    AcquireRights = 30,

    /// <summary><c>update_rights</c>, since AdCP 3.2.</summary>
    UpdateRights = 31,

    /// <summary><c>sync_agent_notification_configs</c>, since AdCP 3.2.</summary>
    SyncAgentNotificationConfigs = 32,

    /// <summary><c>get_creative_features</c>, since AdCP 3.2.</summary>
    GetCreativeFeatures = 33,

    /// <summary><c>sync_principal</c>, since AdCP 3.2.</summary>
    SyncPrincipal = 34,

    /// <summary><c>get_principal</c>, since AdCP 3.2.</summary>
    GetPrincipal = 35,

    /// <summary><c>sync_reporting_status</c>, since AdCP 3.2.</summary>
    SyncReportingStatus = 36,

    /// <summary><c>sync_reporting_receipts</c>, since AdCP 3.2.</summary>
    SyncReportingReceipts = 37,
}
